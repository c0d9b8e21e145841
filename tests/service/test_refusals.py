"""Bad input is refused with field, reason and accepted values, before anything is stored, recorded or queued."""

import io
import json
import zipfile

import pytest

from .conftest import BARE_WATER, WATER, errors_by_field, unchanged


def zipped(**members):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in members.items():
            z.writestr(name, content)
    return f.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no atoms.xyz", "0\nnothing\n"),
        ("empty.xyz", ""),
        ("unknown element.xyz", WATER.replace("O", "Qq")),
        ("nan.xyz", WATER.replace("0.96", "nan")),
        ("infinite.xyz", WATER.replace("0.96", "inf")),
        ("far away.xyz", WATER.replace("0.96", "1e30")),
        ("overlapping.xyz", WATER.replace("0.96", "0.0")),
        ("cut short.xyz", WATER.replace("3\n", "4\n", 1)),
        ("bomb.zip", zipped(**{"a.xyz": b"0" * 1_000_000})),
        ("outside.zip", zipped(**{"../a.xyz": WATER})),
        ("absolute.zip", zipped(**{"/a.xyz": WATER})),
        ("broken.zip", zipped(**{"a.xyz": WATER})[:-30]),
        ("binary.xyz", bytes(range(256))),
    ],
)
def test_an_upload_is_refused(limited, name, content):
    with unchanged(limited):
        answer = limited.http.post("/v1/datasets", files=[("files", (name, content))])
    assert answer.status_code in (413, 422), answer.text
    assert errors_by_field(answer)


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("dataset", {"dataset": "ds-0"}),
        ("dataset", {"dataset": "job:x"}),
        ("dataset", {"dataset": None}),
        ("sampels", {"sampels": 3}),
        ("tips[0].stifness", {"tips": [{"stifness": [1, 1, 1, 1]}]}),
        ("scan.df_steps", {"scan": {"df_steps": 20}}),
        ("scan.window", {"scan": {"window": [[2, 2, 5], [2, 18, 6.9]]}}),
        ("scan.window", {"scan": {"window": [[2, 2, 6.9], [18, 18, 5]]}}),
        ("scan.dim[1]", {"scan": {"dim": [128, 0, 19]}}),
        ("scan.dim[2]", {"scan": {"dim": [128, 128]}}),
        ("scan.dim", {"scan": {"dim": [4096, 4096, 4096]}}),
        ("samples", {"samples": 10**12}),
        ("samples", {"samples": 10**400}),
        ("samples", {"samples": 0}),
        ("samples", {"samples": "5"}),
        ("samples", {"samples": True}),
        ("samples", {"rotations": {"kind": "directions", "directions": 10**5, "best": 10**5}}),
        ("rotations.best", {"rotations": {"kind": "directions", "directions": 10, "best": 11}}),
        ("rotations.kind", {"rotations": {"kind": "all"}}),
        ("batch_size", {"batch_size": 200, "rotations": {"kind": "directions", "directions": 500, "best": 500}}),
        ("randomise.tilt", {"randomise": {"tilt": {"kind": "disk", "radius": 3}}}),
        ("randomise.tilt.radius", {"randomise": {"tilt": {"kind": "disk", "radius": -1}}}),
        ("randomise.tilt.values[1][0]", {"randomise": {"tilt": {"kind": "choice", "values": [[0, 0], ["a", 0]]}}}),
        ("randomise.distance.kind", {"randomise": {"distance": {"low": 1, "high": 2}}}),
        ("randomise.distance.kind", {"randomise": {"distance": {"kind": "disk", "radius": 1}}}),
        ("randomise.distance", {"randomise": {"distance": 3}}),
        ("randomise.distance.high", {"randomise": {"distance": {"kind": "uniform", "low": 1}}}),
        ("randomise.distance.high", {"randomise": {"distance": {"kind": "uniform", "low": 1, "high": 0}}}),
        ("randomise.distance.sigma", {"randomise": {"distance": {"kind": "normal", "sigma": 0, "low": 0, "high": 1}}}),
        (
            "randomise.distance.weights",
            {"randomise": {"distance": {"kind": "choice", "values": [1, 2], "weights": [1]}}},
        ),
        ("randomise.r0.weights[1]", {"randomise": {"r0": {"kind": "choice", "values": [1, 2], "weights": [1, -1]}}}),
        ("randomise.df_steps.low", {"randomise": {"df_steps": {"kind": "integers", "low": 0, "high": 4}}}),
        ("randomise.offset.scope", {"randomise": {"offset": {"kind": "disk", "radius": 1, "scope": "tip"}}}),
        ("randomise.mirror.scope", {"randomise": {"mirror": {"kind": "chance", "scope": "all"}}}),
        ("randomise.tip.values[0].element", {"randomise": {"tip": {"kind": "choice", "values": [{"element": 0}]}}}),
        ("randomise.lj_radius", {"randomise": {"lj_radius": {"kind": "uniform", "low": 0, "high": 1}}}),
        ("sweep.df_steps[1]", {"sweep": {"df_steps": [4, 0]}}),
        ("sweep.tilt[0][1]", {"sweep": {"tilt": [[0.1]]}}),
        ("sweep.tip[0].stiffness", {"sweep": {"tip": [{"stiffness": [0, 0, 0, 0]}]}}),
        (
            "sweep.df_steps",
            {"sweep": {"df_steps": [4]}, "randomise": {"df_steps": {"kind": "integers", "low": 2, "high": 4}}},
        ),
        ("noise[0].amplitude", {"noise": [{"kind": "white", "amplitude": {"kind": "uniform", "low": -1, "high": 1}}]}),
        ("noise[0].amplitude.kind", {"noise": [{"kind": "white", "amplitude": {"kind": "disk"}}]}),
        ("noise[1].side", {"noise": [{"kind": "normalise"}, {"kind": "cutouts", "side": [5, 2]}]}),
        ("noise[1].kind", {"noise": [{"kind": "cutouts"}, {"kind": "cutouts"}]}),
        ("noise[0].kind", {"noise": [{"radius": 0.1}]}),
        ("scan.crop", {"scan": {"crop": [129, 128]}}),
        ("rotations.rotations[0]", {"rotations": {"kind": "list", "rotations": [[[1, 0, 0], [0, 1, 0], [0, 0, 2]]]}}),
        ("periodic.lattice", {"periodic": {"lattice": [[1, 0, 0], [0, 1, 0], [1, 1, 0]]}}),
        ("periodic.npbc[2]", {"periodic": {"npbc": [1, 1, -1], "lattice": [[9, 0, 0], [0, 9, 0], [0, 0, 9]]}}),
        ("epochs", {"epochs": 0}),
        ("samples", {"epochs": 100}),
        (
            "descriptors[0].function.samples",
            {"descriptors": [{"kind": "bonds", "function": {"samples": [1], "step": 1}}]},
        ),
        (
            "descriptors[0].function.samples[1]",
            {"descriptors": [{"kind": "bonds", "function": {"samples": [1, -1], "step": 1}}]},
        ),
        ("descriptors[0].elements", {"descriptors": [{"kind": "multimap_spheres_elements", "elements": [[1]]}]}),
        (
            "descriptors[0].elements[1]",
            {"descriptors": [{"kind": "multimap_spheres_elements", "elements": [[1, 8], [8]]}]},
        ),
        ("periodic.lattice", {"periodic": {}}),
        ("ignored_elements", {"ignored_elements": [8, 1]}),
        ("tips[0].tilt", {"tips": [{"tilt": [3, 0]}]}),
        ("tips[1].stiffness", {"tips": [{}, {"stiffness": [0, 0, 0, 0]}]}),
        ("tips[0].stiffness", {"tips": [{"stiffness": [0.25, 0.25, 0, 0]}]}),
        ("tips", {"tips": []}),
        ("tips[0].element", {"tips": [{"element": 200}]}),
        ("descriptors[1].kind", {"descriptors": [{"kind": "bonds"}, {"kind": "bond"}]}),
        ("descriptors[0].kind", {"descriptors": [{}]}),
        ("descriptors[0].zmin", {"descriptors": [{"kind": "bonds", "zmin": 1}]}),
        ("distance", {"distance": float("nan")}),
        ("distance", {"distance": float("inf")}),
        ("force_field.charges", {"force_field": {"kind": "lj_pc", "charges": "all"}}),
        ("force_field.kind", {"force_field": {"charges": "none"}}),
        ("delivery.kind", {"delivery": {}}),
    ],
)
def test_a_spec_is_refused(limited, field, spec):
    body = json.dumps({"dataset": limited.dataset()} | spec)
    with unchanged(limited):
        answer = limited.http.post("/v1/jobs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert list(errors_by_field(answer)) == [field]


FORCES = WATER.replace("water", "Properties=species:S:1:pos:R:3:forces:R:1")


@pytest.mark.parametrize("text", [BARE_WATER, FORCES], ids=["four columns", "the fifth column is a force"])
def test_missing_charges(limited, text):
    dataset = limited.dataset(text, "bare.xyz")
    with unchanged(limited):
        answer = limited.http.post("/v1/jobs", json={"dataset": dataset})
    error = errors_by_field(answer)["force_field.charges"]
    assert "bare" in error["reason"]
    assert "none" in error["accepted"]
    assert limited.http.post(
        "/v1/jobs", json={"dataset": dataset, "force_field": {"kind": "lj_pc", "charges": "none"}}
    ).is_success


def test_many_structures_without_charges_are_counted(limited):
    answer = limited.http.post("/v1/jobs", json={"dataset": limited.dataset(WATER + BARE_WATER * 5, "some.xyz")})
    reason = "5 of 6 structures have no charges: some.xyz#2, some.xyz#3, some.xyz#4 and 2 more"
    assert errors_by_field(answer)["force_field.charges"]["reason"] == reason


def test_all_errors_are_in_one_answer(limited):
    spec = {"dataset": limited.dataset(), "seed": -1, "tips": [{"r0": 0}], "extra": None}
    answer = limited.http.post("/v1/jobs", json=spec)
    assert set(errors_by_field(answer)) == {"seed", "tips[0].r0", "extra"}


def test_an_error_names_what_would_be_accepted(limited):
    spec = {"dataset": limited.dataset(), "tips": [{"stifness": 1, "element": 0}], "samples": 31}
    found = errors_by_field(limited.http.post("/v1/jobs", json=spec))
    assert found["tips[0].stifness"] == {
        "field": "tips[0].stifness",
        "value": "1",
        "reason": "unknown field; did you mean 'stiffness'?",
        "accepted": "the fields element, charges, charge_z, density, tilt, r0, stiffness",
    }
    assert found["tips[0].element"]["accepted"].startswith("an integer from 1 to ")
    del spec["tips"]
    assert (
        errors_by_field(limited.http.post("/v1/jobs", json=spec))["samples"]["accepted"]
        == "at most 30, or null for all"
    )
