"""The formulas of physics.md §2 and §7 and of the noise steps in float64 numpy, independent of the kernels' code."""

import numpy as np

COULOMB = 14.399644


def pixels(window, nx, ny):
    """Return the positions of the pixels of a window of two or three dimensions."""
    (x0, y0, *_), (x1, y1, *_) = np.asarray(window, float)
    x = x0 + np.arange(nx) * (x1 - x0) / max(nx - 1, 1)
    y = y0 + np.arange(ny) * (y1 - y0) / max(ny - 1, 1)
    return np.meshgrid(x, y, indexing="ij")


def distances(xyz, x, y):
    return np.hypot(x[..., None] - xyz[:, 0], y[..., None] - xyz[:, 1])


def sphere_heights(xyz, vdw, x, y, r_pp):
    radius = vdw + r_pp
    rho = distances(xyz, x, y)
    top = (xyz[:, 2] + radius).max()
    with np.errstate(invalid="ignore"):
        return np.where(rho < radius, xyz[:, 2] + np.sqrt(radius**2 - rho**2) - top, -np.inf)


def vdw_spheres(xyz, vdw, x, y, zmin=-1.5, r_pp=-0.5):
    return np.maximum(sphere_heights(xyz, vdw, x, y, r_pp).max(axis=-1), zmin)


def multimap_spheres(xyz, vdw, channel_of, channels, x, y, zmin=-1.5, r_pp=-0.5, occlusion=False):
    """Return maps (channels, nx, ny), where atom i is in channel_of[i]."""
    heights = sphere_heights(xyz, vdw, x, y, r_pp)
    inside = [np.where(np.asarray(channel_of) == c, heights, -np.inf).max(axis=-1) for c in range(channels)]
    maps = np.maximum(np.array(inside), zmin)
    return np.where(maps.max(axis=0) - maps < 0.02, maps, zmin) if occlusion else maps


def field_z(xyz, charge, x, y, z):
    d = np.stack((x, y, np.broadcast_to(z, x.shape)), axis=-1)[..., None, :] - xyz
    return COULOMB * (charge * d[..., 2] / np.linalg.norm(d, axis=-1) ** 3).sum(axis=-1)


def es_map_constant(xyz, charge, vdw, x, y, height=4.0, vdw_cutoff=None, r_pp=0.5):
    field = field_z(xyz, charge, x, y, xyz[:, 2].max() + height)
    if vdw_cutoff is None:
        return field
    return np.where(vdw_spheres(xyz, vdw, x, y, vdw_cutoff, r_pp) > vdw_cutoff, field, 0)


def atomic_disks(xyz, vdw, covalent, x, y, mode="sphere", zmin=-1.2, zmax_s=-1.2, r_pp=-0.5):
    z = xyz[:, 2]
    s = (z + vdw + r_pp).max()
    off = s - z.max() - (1 if mode == "center" else 0)
    u = s - z - off
    counts = u < -zmin
    if mode == "sphere":
        counts &= s - z - vdw - r_pp < -zmax_s
    rho = distances(xyz, x, y)
    value = np.where(rho < covalent, (1 - u / -zmin) * (1 - rho / covalent), 0.0)
    return value[..., counts].sum(axis=-1)


def exponential(r):
    return np.exp(-5 * r)


def sampled(samples, step):
    """Return the radial function of samples at 0, step, 2·step …"""
    at = step * np.arange(len(samples))
    return lambda r: np.interp(r, at, samples, right=0.0)


def bonds(xyz, covalent, x, y, zmin=-1.5, r_max=10.0, ellipticity=0.5, radial=exponential):
    best = np.zeros_like(x)
    z_max = xyz[:, 2].max()
    for i in range(len(xyz)):
        for j in range(i + 1, len(xyz)):
            if np.linalg.norm(xyz[i] - xyz[j]) >= 1.2 * (covalent[i] + covalent[j]):
                continue
            d = np.stack((x - xyz[i, 0], y - xyz[i, 1]), axis=-1)
            along = xyz[j, :2] - xyz[i, :2]
            length = np.linalg.norm(along)
            if length == 0:
                height = np.full_like(x, max(xyz[i, 2], xyz[j, 2]) - z_max)
                r = np.linalg.norm(d, axis=-1)
            else:
                h = along / length
                c = d @ h
                r = np.sqrt(((d - c[..., None] * h) ** 2).sum(axis=-1) + (ellipticity * (c - length / 2)) ** 2)
                height = xyz[i, 2] + (xyz[j, 2] - xyz[i, 2]) * c / length - z_max
            value = radial(r) * np.maximum(1 - height / zmin, 0)
            best = np.maximum(best, np.where((r < r_max) & (height > zmin), value, 0))
    return best


def atom_rfunc(xyz, vdw, x, y, zmin=-1.5, r_max=10.0, radial=exponential):
    height = xyz[:, 2] - xyz[:, 2].max() + vdw - 1.4
    rho = distances(xyz, x, y)
    value = radial(rho) * np.maximum(1 - height / zmin, 0)
    return np.where((rho < r_max) & (height > zmin), value, 0).max(axis=-1)


def energy(point, xyz, charge, radius, depth, charges, charge_z):
    """Return the energy of a probe at `point` (..., 3); radius and depth are already combined with the probe's."""
    d = np.asarray(point)[..., None, :] - xyz
    s = (radius**2 / (d**2).sum(axis=-1)) ** 3
    total = (depth * (s**2 - 2 * s)).sum(axis=-1)
    for q, z in zip(charges, charge_z, strict=True):
        total = total + (COULOMB * q * charge / np.linalg.norm(d + np.array([0, 0, z]), axis=-1)).sum(axis=-1)
    return total


def force_z(point, *sample, step=1e-4):
    up = np.array([0, 0, step])
    e = [energy(np.asarray(point) + k * up, *sample) for k in (-2, -1, 1, 2)]
    return -(e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * step)


def surface_z(x, y, top, dz, force, iso=0.1):
    """Return the height of the surface, NaN where it is not found; force(points) is F_z on a rigid probe."""
    surface = np.full(x.shape, np.nan)
    before = None
    for k in range(101):
        now = force(np.stack((x, y, np.full_like(x, top - k * dz)), axis=-1))
        found = np.isnan(surface) & (now > iso)
        if k == 0:
            surface[found] = top
        else:
            part = (iso - before) / (now - before)
            surface[found] = (top - (k - 1) * dz - part * dz)[found]
        before = now
    return surface


def height_map(x, y, top, dz, force, iso=0.1, zmin=-2.0):
    surface = surface_z(x, y, top, dz, force, iso)
    if np.isnan(surface).all():
        return np.zeros_like(x)
    clip = np.nanmax(surface) + zmin
    none = np.isnan(surface) | (surface < clip)
    lowest = clip if none.any() else surface.min()
    return np.where(none, lowest, surface) - lowest


def es_map(x, y, top, dz, force, xyz, charge, iso=0.1, zmin=-2.0):
    """Return field and height, (2, nx, ny)."""
    height = height_map(x, y, top, dz, force, iso, zmin)
    surface = surface_z(x, y, top, dz, force, iso)
    field = field_z(xyz, charge, x, y, np.where(np.isnan(surface), top, surface))
    return np.stack((np.where(height > 0, field, 0), height))


def philox(key, counter):
    """Return Philox4x32-10 of counters (..., 4) as its authors write it: the key is increased between rounds."""
    mask = (1 << 32) - 1
    multipliers, bumps = np.array([0xD2511F53, 0xCD9E8D57], np.uint64), (0x9E3779B9, 0xBB67AE85)
    x0, x1, x2, x3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    keys = [key & mask, key >> 32]
    for _ in range(10):
        first, second = multipliers[0] * x0, multipliers[1] * x2
        x0, x1, x2, x3 = (
            (second >> np.uint64(32)) ^ x1 ^ np.uint64(keys[0]), second & np.uint64(mask),
            (first >> np.uint64(32)) ^ x3 ^ np.uint64(keys[1]), first & np.uint64(mask),
        )  # fmt: skip
        keys = [(k + bump) & mask for k, bump in zip(keys, bumps, strict=True)]
    return np.stack((x0, x1, x2, x3), axis=-1)


def xi(shape, key, counter, distribution):
    """Return ξ of an image (nx, ny, n_out): four slices of a pixel from the four words of one counter."""
    nx, ny, n_out = shape
    blocks = -(-n_out // 4)
    number = np.arange(nx * ny * blocks).reshape(nx, ny, blocks)
    counters = np.concatenate([np.broadcast_to(counter, (*number.shape, 3)), number[..., None]], axis=-1)
    w = (philox(key, counters) >> np.uint64(8)).astype(float) / 2**24
    if distribution == "normal":
        r, phi = np.sqrt(-2 * np.log(w[..., ::2] + 2.0**-24)), 2 * np.pi * w[..., 1::2]
        value = np.stack((r * np.cos(phi), r * np.sin(phi)), axis=-1)
    else:
        value = w - 0.5
    return value.reshape(nx, ny, 4 * blocks)[..., :n_out]


def drifted(image, pixels):
    """Return each slice of (nx, ny, n_out) read `pixels` (n_out, 2) further on, bilinearly, clamped to the edge."""
    out = np.empty_like(image)
    for k, shift in enumerate(pixels):
        at = [np.clip(np.arange(n) + s, 0, n - 1) for n, s in zip(image.shape, shift, strict=False)]
        low = [np.floor(a).astype(int) for a in at]
        high = [np.minimum(a + 1, n - 1) for a, n in zip(low, image.shape, strict=False)]
        u, v = (at[0] - low[0])[:, None], at[1] - low[1]
        corner = lambda i, j: image[np.ix_(i, j, [k])][..., 0]  # noqa: B023, E731
        out[..., k] = (
            (1 - u) * ((1 - v) * corner(low[0], low[1]) + v * corner(low[0], high[1]))
            + u * ((1 - v) * corner(high[0], low[1]) + v * corner(high[0], high[1]))
        )  # fmt: skip
    return out


def noisy(image, shift=None, normalise=False, gradient=None, noise=None, cutouts=()):
    """Return one image (nx, ny, n_out) after the usual chain: shift (n_out, 2) in pixels, noise = amplitude·ξ."""
    image = image if shift is None else drifted(image, shift)
    mean, std = image.mean(axis=(0, 1)), image.std(axis=(0, 1))
    if normalise:
        image = np.where(std > 0, (image - mean) / np.where(std > 0, std, 1), 0)
        mean = np.zeros_like(mean)
    extent = np.ptp(image, axis=(0, 1))
    if gradient is not None:
        a, b = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in image.shape[:2])
        image = image + extent * ((gradient[0] * a[:, None] + gradient[1] * b) / 2)[..., None]
    if noise is not None:
        image = image + extent * noise
    image = image.copy()
    for x0, y0, x1, y1 in cutouts:
        image[max(x0, 0) : max(x1, 0), max(y0, 0) : max(y1, 0)] = mean
    return image
