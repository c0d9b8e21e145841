import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from afmbatch.spec.descriptors import AnyDescriptor, channel_names, names, own_arrays
from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import spec

ELEMENTS = {"elements": [[1], [6, 7], [8]]}
KINDS = {
    "vdw_spheres": {},
    "atomic_disks": {},
    "height_map": {},
    "es_map": {},
    "es_map_constant": {},
    "bonds": {},
    "atom_rfunc": {},
    "multimap_spheres": {},
    "multimap_spheres_elements": ELEMENTS,
}
one = st.builds(
    lambda kind, dim: {"kind": kind, "dim": dim, **KINDS[kind]},
    kind=st.sampled_from(sorted(KINDS)),
    dim=st.none() | st.just([32, 48]),
)


def described(*descriptors):
    return TypeAdapter(tuple[AnyDescriptor, ...]).validate_python(descriptors)


def test_the_common_job_has_five():
    assert channel_names(spec().descriptors) == ("vdw_spheres", "atomic_disks", "height_map", "bonds", "atom_rfunc")
    assert own_arrays(spec().descriptors) == {}


def test_channels_and_arrays_are_named():
    some = described(
        {"kind": "bonds"},
        {"kind": "es_map"},
        {"kind": "bonds", "ellipticity": 0.3, "dim": [32, 32]},
        {"kind": "multimap_spheres"},
        {"kind": "es_map", "iso": 0.2},
        {"kind": "bonds", "window": [[0, 0], [4, 4]]},
        {"kind": "multimap_spheres_elements", **ELEMENTS},
        {"kind": "multimap_spheres", "n_channels": 2, "dim": [64, 32]},
    )
    assert names(some) == (
        "bonds",
        "es_map",
        "bonds_2",
        "multimap_spheres",
        "es_map_2",
        "bonds_3",
        "multimap_spheres_elements",
        "multimap_spheres_2",
    )
    assert channel_names(some) == (
        "bonds",
        "es_map_field",
        "es_map_height",
        *(f"multimap_spheres_{i}" for i in range(3)),
        "es_map_2_field",
        "es_map_2_height",
        "bonds_3",
        *(f"multimap_spheres_elements_{i}" for i in range(3)),
    )
    assert own_arrays(some) == {"desc_bonds_2": some[2], "desc_multimap_spheres_2": some[7]}


@given(some=st.lists(one, max_size=20))
def test_channels_and_arrays_have_unique_names(some):
    """Each descriptor is in `desc` or in an array of its own."""
    job = described(*some)
    channels, own = channel_names(job), own_arrays(job)
    assert len(set(names(job))) == len(job)
    assert len(set(channels)) == len(channels) == sum(len(d.channels) for d in job if d.dim is None)
    assert list(own.values()) == [d for d in job if d.dim is not None]


@pytest.mark.parametrize(
    ("elements", "at", "value", "twice"),
    [([[1], [6, 1]], 1, "[6, 1]", 1), ([[6, 8, 8]], 0, "[6, 8, 8]", 8), ([[1, 6], [7], [7]], 2, "[7]", 7)],
)
def test_an_element_is_in_one_channel(elements, at, value, twice):
    error = field_error_of(descriptors=[{"kind": "multimap_spheres_elements", "elements": elements}])
    assert error.field == f"descriptors[0].elements[{at}]"
    assert error.value == value
    assert error.reason == f"element {twice} is named twice"
    assert error.accepted == "each element once"


@pytest.mark.parametrize("window", [[[1, 0], [1, 4]], [[0, 4], [4, 4]], [[2, 0], [1, 4]]])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_window_has_an_area(kind, window):
    error = field_error_of(descriptors=[{"kind": kind, "window": window, **KINDS[kind]}])
    assert error.field == "descriptors[0].window"
    assert error.value == str([[float(x) for x in corner] for corner in window])
    assert error.reason == "the window is empty"
    assert error.accepted == "x1 greater than x0, y1 greater than y0"


@pytest.mark.parametrize(
    ("descriptor", "field"),
    [
        ({"kind": "vdw_spheres", "zmin": 0}, "zmin"),
        ({"kind": "height_map", "iso": 0}, "iso"),
        ({"kind": "bonds", "r_max": 0}, "r_max"),
        ({"kind": "bonds", "function": {"samples": [1.0], "step": 0.1}}, "function.samples"),
        ({"kind": "atom_rfunc", "function": {"samples": [1.0, 0.0], "step": 0}}, "function.step"),
        ({"kind": "multimap_spheres", "n_channels": 65}, "n_channels"),
        ({"kind": "multimap_spheres_elements"}, "elements"),
        ({"kind": "multimap_spheres_elements", "elements": [[]]}, "elements[0]"),
        ({"kind": "es_map_constant", "height": 0}, "height"),
        ({"kind": "atomic_disks", "mode": "centre"}, "mode"),
        ({"kind": "bonds", "dim": [32, 1]}, "dim[1]"),
        ({"kind": "spheres"}, "kind"),
    ],
)
def test_parameters_out_of_bounds_are_refused(descriptor, field):
    assert field_error_of(descriptors=[descriptor]).field == f"descriptors[0].{field}"
