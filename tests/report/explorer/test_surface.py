"""The mesh of a ball, and of the template."""

from __future__ import annotations

import numpy as np

from fcnm_bids.report.explorer.surface import surface_nets, template_surface


def ball() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, z = np.indices((31, 31, 31)) - 15
    return surface_nets(10.3 - np.sqrt(x**2 + y**2 + z**2), 0)


def test_vertices_lie_on_the_ball() -> None:
    vertices, _, outward = ball()
    radius = np.linalg.norm(vertices - 15, axis=1)
    assert np.abs(radius - 10.3).max() < 0.05
    assert np.einsum("ij,ij->i", outward, vertices - 15).min() > 9


def test_the_mesh_is_closed_and_turned_outwards() -> None:
    vertices, faces, _ = ball()
    edges = {(a, b) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)}
    assert len(edges) == 3 * len(faces)
    assert edges == {(b, a) for a, b in edges}
    assert len(vertices) - len(edges) // 2 + len(faces) == 2  # Euler's number of a ball
    one, two, three = (vertices[faces[:, n]] - 15 for n in range(3))
    volume = np.einsum("ij,ij->i", one, np.cross(two, three)).sum() / 6
    assert abs(volume / (4 / 3 * np.pi * 10.3**3) - 1) < 0.02


def test_numbers_of_vertices_fit_into_sixteen_bits() -> None:
    surface = template_surface()
    assert all(side["n"] < 2**15 and side["faces"]["step"] == 1 for side in surface.values())
