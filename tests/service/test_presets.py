"""Presets can be fetched, edited and posted."""

import pytest

from afmbatch.spec.job import JobSpec
from afmbatch.spec.presets import preset_spec, presets

from .conftest import errors_by_field, problem

OF_MOLECULES = ("asd-afm", "ed-afm", "graph-afm", "quam-afm")
NAMES = (*OF_MOLECULES, "afm-ice")


def test_presets_are_listed(service):
    listed = service.http.get("/v1/presets").json()["presets"]
    assert tuple(preset["name"] for preset in listed) == NAMES
    assert all(preset["summary"] and preset["source"] for preset in listed)


@pytest.mark.parametrize("name", OF_MOLECULES)
def test_a_preset_is_fetched_edited_and_posted(service, name):
    dataset = service.dataset()
    spec = service.http.get(f"/v1/presets/{name}", params={"dataset": dataset}).json()
    assert JobSpec.model_validate_json(service.http.get(f"/v1/presets/{name}").text) == preset_spec(name, "")
    answer = service.http.post("/v1/jobs", json=spec)
    assert answer.status_code == 201, answer.text
    assert answer.json()["spec"] == spec
    edited = service.http.post("/v1/jobs", json=spec | {"seed": 7, "batch_size": 3})
    assert edited.status_code == 201
    assert edited.json()["spec"]["tips"] == spec["tips"]


def test_a_preset_that_is_fetched_without_a_dataset_has_an_empty_one(service):
    spec = service.http.get("/v1/presets/asd-afm").json()
    assert spec["dataset"] == ""
    assert list(errors_by_field(service.http.post("/v1/jobs", json=spec))) == ["dataset"]


@pytest.mark.parametrize("name", NAMES)
def test_presets_have_ten_slices_a_tenth_of_an_ångström_apart(name):
    scan = preset_spec(name, "").scan
    assert scan.n_out == (15 if name == "afm-ice" else 10)
    assert scan.dz == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "pixels", "side", "tips", "distance"),
    [
        ("asd-afm", 128, 15.875, [(8, (-0.1,))], (5.0, 5.5)),
        (
            "ed-afm",
            192,
            23.875,
            [(8, (-10, 20, -10, 0)), (54, (30, -60, 30, 0)), (17, (-0.3, 0, 0, 0))],
            (5.0, 5.5),
        ),
        ("graph-afm", 128, 16, [(8, (-10, 20, -10, 0))], (5.05, 5.55)),
    ],
)
def test_presets_have_the_values_of_their_papers(name, pixels, side, tips, distance):
    spec = preset_spec(name, "")
    (x0, y0, _), (x1, y1, _) = spec.scan.window
    assert spec.scan.dim[:2] == (pixels, pixels)
    assert (x1 - x0, y1 - y0) == (side, side)
    assert [(tip.element, tip.charges) for tip in spec.tips] == tips
    added, tilt = spec.randomise.distance, spec.randomise.tilt
    assert (spec.distance + added.low, spec.distance + added.high) == pytest.approx(distance)
    assert tilt.radius == 0.5
    assert {added.scope, tilt.scope} == {"sample" if name == "asd-afm" else "tip"}


def test_the_lateral_stiffnesses_of_ed_afm():
    assert [tip.stiffness[:2] for tip in preset_spec("ed-afm", "").tips] == [(0.25, 0.25), (0.25, 0.25), (0.5, 0.5)]


def test_quam_afm_crosses_24_settings():
    spec = preset_spec("quam-afm", "")
    assert spec.sweep.n == 24
    assert {name: len(values) for name, values in spec.sweep.axes.items()} == {"lateral_stiffness": 4, "df_steps": 6}
    amplitudes = [steps * spec.scan.dz for steps in spec.sweep.df_steps]
    assert amplitudes == pytest.approx([0.4, 0.6, 0.8, 1.0, 1.2, 1.4])


def test_afm_ice_changes_the_amplitude_above_the_lowest_height():
    spec = preset_spec("afm-ice", "")
    (x0, _, z0), (x1, _, z1) = spec.scan.window
    assert (x1 - x0) / (spec.scan.dim[0] - 1) == pytest.approx(0.125)
    assert (spec.scan.anchor, spec.scan.centre, spec.distance) == ("bottom", "top", 1.4)
    steps = spec.randomise.df_steps
    assert [steps.low * spec.scan.dz, steps.high * spec.scan.dz] == pytest.approx([0.4, 2.0])
    assert (spec.epochs, spec.tips[0].r0, z1 - z0) == (10, 3.0, 2.4)


def test_presets_differ():
    assert len({preset_spec(preset.name, "ds-0").digest for preset in presets()}) == len(NAMES)


def test_a_preset_that_does_not_exist(service):
    answer = service.http.get("/v1/presets/asd")
    assert answer.status_code == 404
    assert "asd-afm" in problem(answer)["detail"]
    assert service.http.get("/v1/presets/asd-afm", params={"dataset": "water"}).status_code == 422
