"""Force fields from grids in a spec, and the densities of tips."""

import json
from typing import get_args

import pytest

from afmbatch.spec.van_der_waals import Functional
from afmbatch.structures.dispersion import LAST_ELEMENT, tables
from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import spec

FDBM, HARTREE = {"kind": "fdbm"}, {"kind": "lj_hartree"}
UPLOADED = {"density": {"kind": "tip", "id": "tip-a"}}
MULTIPOLE = {"density": {"kind": "multipole", "moments": {"dz2": -0.1}}}


def test_the_functionals_are_those_of_the_tables():
    assert get_args(Functional) == tuple(json.loads(str(tables()["bj_parameters"])))
    assert len(tables()["r_cov"]) == LAST_ELEMENT


def test_their_needs():
    for force_field, tip, needs in [
        ({"kind": "lj_pc"}, {}, (True, False, False)),
        (HARTREE, {}, (False, True, False)),
        (HARTREE, MULTIPOLE, (False, True, False)),
        (FDBM, UPLOADED, (False, True, True)),
    ]:
        made = spec(force_field=force_field, tips=[tip]).force_field
        assert (made.needs_charges, made.needs_potential, made.needs_density) == needs


def test_defaults():
    made = spec(force_field=FDBM, tips=[UPLOADED]).model_dump()["force_field"]
    assert made == {
        "kind": "fdbm",
        "strength": 18.0,
        "exponent": 1.0,
        "van_der_waals": {"kind": "d3", "functional": "PBE"},
        "density_cutoff": None,
        "core_radius": 0.7,
    }
    assert spec(force_field=HARTREE, tips=[MULTIPOLE]).tips[0].model_dump()["density"]["sigma"] == 0.71


def test_tip_ids():
    other = {"density": {"kind": "tip", "id": "tip-b"}}
    assert spec(force_field=FDBM, tips=[UPLOADED, other, UPLOADED]).tip_ids == ("tip-a", "tip-b")
    assert spec(force_field=HARTREE, tips=[MULTIPOLE, {}]).tip_ids == ()
    randomised = {"tip": {"kind": "choice", "values": [other, UPLOADED]}}
    assert spec(force_field=FDBM, tips=[UPLOADED], randomise=randomised).tip_ids == ("tip-b", "tip-a")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"force_field": FDBM}, "tips[0].density"),
        ({"force_field": FDBM, "tips": [UPLOADED, MULTIPOLE]}, "tips[1].density"),
        ({"force_field": FDBM, "tips": [UPLOADED], "sweep": {"tip": [UPLOADED, {}]}}, "sweep.tip[1].density"),
        (
            {"force_field": FDBM, "tips": [UPLOADED], "randomise": {"tip": {"kind": "choice", "values": [{}]}}},
            "randomise.tip.values[0].density",
        ),
        ({"tips": [MULTIPOLE]}, "tips[0].density"),
        ({"force_field": HARTREE, "sweep": {"pauli_strength": [12.0]}}, "sweep.pauli_strength"),
        ({"randomise": {"pauli_exponent": {"kind": "choice", "values": [1.0]}}}, "randomise.pauli_exponent"),
        ({"force_field": HARTREE, "sweep": {"tip_charges": [0.5]}}, "sweep.tip_charges"),
        (
            {"force_field": HARTREE, "randomise": {"sample_charges": {"kind": "choice", "values": [0.5]}}},
            "randomise.sample_charges",
        ),
        (
            {
                "force_field": FDBM,
                "tips": [UPLOADED],
                "sweep": {"pauli_strength": [12.0]},
                "randomise": {"pauli_strength": {"kind": "choice", "values": [12.0]}},
            },
            "sweep.pauli_strength",
        ),
        (
            {
                "force_field": FDBM,
                "tips": [UPLOADED],
                "randomise": {"pauli_exponent": {"kind": "uniform", "low": 0.4, "high": 1}},
            },
            "randomise.pauli_exponent",
        ),
        ({"force_field": HARTREE, "descriptors": [{"kind": "es_map"}]}, "descriptors[0].kind"),
        ({"force_field": HARTREE, "tips": [{"density": {"kind": "multipole", "moments": {}}}]}, None),
        ({"force_field": FDBM | {"van_der_waals": {"kind": "d3", "functional": "LDA"}}, "tips": [UPLOADED]}, None),
        ({"force_field": FDBM | {"van_der_waals": {"kind": "lj", "damping": 5}}, "tips": [UPLOADED]}, None),
    ],
)
def test_what_does_not_fit_is_refused(changes, field):
    error = field_error_of(**changes)
    assert error.reason
    assert error.accepted
    if field is not None:
        assert error.field == field


def test_an_unknown_moment_is_refused():
    error = field_error_of(force_field=HARTREE, tips=[{"density": {"kind": "multipole", "moments": {"f": 1}}}])
    assert (error.field, error.value, error.reason) == ("tips[0].density.moments.f", "f", "unknown field")
    assert error.accepted == "the fields s, px, py, pz, dxy, dxz, dyz, dx2, dy2, dz2"
