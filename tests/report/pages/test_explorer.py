"""The explorer in a real browser: what it shows is what the files hold."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.cli.view import main
from fcnm_bids.report.pages import html
from tests.report.conftest import CHROMIUM, FLAGS, NO_WEBGL
from tests.report.explorer.made import make_results

SLOW = pytest.mark.slow

HOSTILE = ("</script><script>alert(1)</script>", "=HYPERLINK(1): <img src=x onerror=alert(2)>")


def test_the_script_is_the_published_one() -> None:
    packed = Path(html.__file__).parents[2] / "data/report/explorer" / f"{html.NIIVUE}.gz"
    script = gzip.decompress(packed.read_bytes())
    assert hashlib.sha256(script).hexdigest() == html.NIIVUE_SHA256


class Open:
    """An opened explorer."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1400, "height": 1000})
        self.page.context.set_offline(True)
        self.page.set_default_timeout(120_000)  # WebGL without a graphics card takes its time
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#explorer[data-ready]", timeout=120_000)
        self.settle()

    def settle(self) -> None:
        """Wait until all cells of the table at the crosshair are filled."""
        self.page.wait_for_function(
            "() => document.querySelector('#held tbody tr') && "
            "!document.querySelector('#held tbody').textContent.includes('…')"
        )

    def go(self, *mm: float) -> None:
        for axis, value in zip("xyz", mm, strict=True):
            self.page.fill(f"#{axis}", str(value))
        self.page.click("#place button")
        self.settle()

    @property
    def place(self) -> np.ndarray:
        return np.array([float(self.page.input_value(f"#{axis}")) for axis in "xyz"])

    @property
    def rows(self) -> list[list[str]]:
        return list(
            self.page.eval_on_selector_all(
                "#held tbody tr[data-network]",
                "all => all.map(row => [...row.cells].map(cell => cell.textContent))",
            )
        )

    def choose(self, control: str, label: str) -> None:
        self.page.select_option(f"#{control}", label=label)
        text = self.page.locator(f"#{control} option:checked").inner_text()
        self.page.wait_for_function(
            "text => document.getElementById('unit').textContent.includes(text) || "
            "document.getElementById('unit').textContent.length > 0",
            arg=text,
        )
        self.page.wait_for_timeout(300)
        self.settle()

    @property
    def volume(self) -> str:
        return str(self.page.inner_text("#volume"))


def opened(browser: Any, folder: Path, *roots: Path) -> Open:
    path = folder / "explorer.html"
    assert main([*map(str, roots), "--output", str(path)]) == 0
    return Open(browser, path)


@pytest.fixture(scope="module")
def visit(browser: Any, first: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    found = opened(browser, tmp_path_factory.mktemp("page"), first)
    yield found
    assert found.complaints == []
    assert [url for url in found.requests[1:] if not url.startswith(("data:", "blob:"))] == []
    found.page.close()


@pytest.fixture(scope="module")
def files(first: Path) -> dict[str, Any]:
    """Images by their names, and the contrasts' sidecars in the order of the page."""
    group = first / "group"
    images = {p.name: nib.load(p) for p in sorted(group.glob("*.nii.gz"))}
    masks = sorted(group.glob("seed-*_mask.json"))
    return {"images": images, "contrasts": [(p, json.loads(p.read_text())) for p in masks]}


def at(image: Any, mm: np.ndarray) -> float:
    voxel = np.rint(np.linalg.inv(image.affine) @ [*mm, 1])[:3].astype(int)
    return float(np.asarray(image.dataobj)[tuple(voxel)])


def compare(visit: Open, files: dict[str, Any]) -> None:
    """Everything in the table at the crosshair against the files."""
    mm = visit.place
    assert len(visit.rows) == len(files["contrasts"])
    for row, (path, sidecar) in zip(visit.rows, files["contrasts"], strict=True):
        stem = path.name.removesuffix("_desc-significant_mask.json")
        assert row[0] == sidecar["Contrast"]
        assert row[2] == (
            "yes" if at(files["images"][f"{stem}_desc-significant_mask.nii.gz"], mm) else "no"
        )
        t = at(files["images"][f"{stem}_stat-t_statmap.nii.gz"], mm)
        n = at(files["images"][f"{stem}_stat-n_statmap.nii.gz"], mm)
        assert row[3:5] == (["–", "–"] if np.isnan(t) else [row[3], f"{n:.0f}"])
        if not np.isnan(t):
            assert abs(float(row[3]) - t) <= 0.05 + 1e-5
        nearest = np.linalg.norm(np.array(sidecar["Foci"]) - mm, axis=1).min()
        assert abs(float(row[5]) - nearest) <= 0.05 + 1e-6
    share = next(v for k, v in files["images"].items() if k.endswith("_probseg.nii.gz"))
    value = at(share, mm)
    if not np.isnan(value):
        assert f"{round(6 * value)} of 6 contrasts hold this voxel" in visit.page.inner_text(
            "#here"
        )


@SLOW
def test_it_opens_with_webgl_at_the_highest_share(visit: Open, files: dict[str, Any]) -> None:
    assert visit.page.get_attribute("#explorer", "data-ready") == "webgl2"
    share = next(v for k, v in files["images"].items() if k.endswith("_probseg.nii.gz"))
    assert at(share, visit.place) == np.nanmax(np.asarray(share.dataobj))


@pytest.mark.parametrize("mm", [(0, -18, 12), (30, 0, 30), (-42, -60, 6), (0, 0, 70), (-85, 0, 0)])
@SLOW
def test_values_at_a_place_are_those_of_the_files(
    visit: Open, files: dict[str, Any], mm: tuple[float, ...]
) -> None:
    visit.go(*mm)
    compare(visit, files)


@pytest.mark.parametrize("share", [(0.15, 0.3), (0.5, 0.25), (0.85, 0.4)])
@SLOW
def test_values_under_a_click_are_those_of_the_files(
    visit: Open, files: dict[str, Any], share: tuple[float, float]
) -> None:
    visit.go(0, -18, 12)
    before = visit.place
    frame = visit.page.locator("#slices").bounding_box()
    position = {"x": share[0] * frame["width"], "y": share[1] * frame["height"]}
    visit.page.click("#slices", position=position)
    visit.page.wait_for_timeout(300)
    visit.settle()
    assert (visit.place != before).any()
    compare(visit, files)


@SLOW
def test_the_threshold_counts_voxels(visit: Open, files: dict[str, Any]) -> None:
    share = next(v for k, v in files["images"].items() if k.endswith("_probseg.nii.gz"))
    values = np.asarray(share.dataobj)
    for k in (1, 3, 6):
        visit.page.evaluate(
            "k => { const s = document.getElementById('threshold'); s.value = k; "
            "s.dispatchEvent(new Event('input')); }",
            k,
        )
        count = int((np.nan_to_num(values) >= k / 6 - 1e-6).sum())
        visit.page.wait_for_function(
            "text => document.getElementById('volume').textContent.startsWith(text)",
            arg=f"{count:,} voxels, {count * 216 / 1000:.2f} cm³",
        )
        assert visit.page.inner_text("#threshold-text") == f"{k} of 6"


@SLOW
def test_at_its_own_threshold_the_volume_is_that_of_the_mask(visit: Open, first: Path) -> None:
    visit.page.evaluate(
        "() => { const s = document.getElementById('threshold'); s.value = 3; "
        "s.dispatchEvent(new Event('input')); }"
    )
    (path,) = first.glob("group/network-*_mask.nii.gz")
    volume = float(np.asarray(nib.load(path).dataobj).sum()) * 0.216
    table = pd.read_csv(next(first.glob("group/*clusters.tsv")), sep="\t")
    expected = f"; {volume:.2f} cm³ in {len(table)} clusters of at least 810 mm³"
    visit.page.wait_for_function(
        "text => document.getElementById('volume').textContent.endsWith(text)", arg=expected
    )


@SLOW
def test_a_map_of_t_counts_its_mask(visit: Open, files: dict[str, Any]) -> None:
    path, sidecar = files["contrasts"][2]
    visit.choose("map", f"t: {sidecar['Contrast']}")
    stem = path.name.removesuffix("_desc-significant_mask.json")
    t = np.asarray(files["images"][f"{stem}_stat-t_statmap.nii.gz"].dataobj, float)
    count = int((np.rint(np.nan_to_num(t) * 10) / 10 >= 4.5 - 1e-6).sum())
    visit.page.wait_for_function(
        "text => document.getElementById('volume').textContent.startsWith(text)",
        arg=f"{count:,} voxels",
    )
    assert visit.page.inner_text("#threshold-text") == "≥ 4.5"
    visit.choose("map", "share of contrasts")


@SLOW
def test_a_map_of_p_counts_its_file_at_every_level(visit: Open, first: Path) -> None:
    visit.choose("map", "p, against foci scattered in grey matter")
    p = nib.load(next(first.glob("group/*_desc-random_stat-p_statmap.nii.gz")))
    values = np.asarray(p.dataobj, float)
    for level, number in ((0.05, 4), (0.5, 1), (0.001, 8)):
        visit.page.evaluate(
            "n => { const s = document.getElementById('threshold'); s.value = n; "
            "s.dispatchEvent(new Event('input')); }",
            number,
        )
        count = int((np.nan_to_num(values, nan=1.0) <= level + 1e-6).sum())
        visit.page.wait_for_function(
            "text => document.getElementById('volume').textContent.startsWith(text)",
            arg=f"{count:,} voxels",
        )
        assert visit.page.inner_text("#threshold-text") == f"p ≤ {level:g}"
    assert shown_value(visit, (0, -18, 12)) == pytest.approx(at(p, visit.place), abs=6e-5)
    visit.choose("map", "share of contrasts")


@SLOW
def test_a_map_of_mean_z_has_the_values_of_its_file(visit: Open, first: Path) -> None:
    visit.choose("map", "mean Fisher z")
    effect = nib.load(next(first.glob("group/network-*_stat-effect_statmap.nii.gz")))
    assert shown_value(visit, (0, -18, 12)) == pytest.approx(at(effect, visit.place), abs=1.1e-3)
    visit.choose("map", "share of contrasts")


@SLOW
def test_a_click_on_the_map_of_convergence_gives_the_value_of_its_file(
    visit: Open, first: Path
) -> None:
    image = nib.load(next(first.glob("group/network-*_stat-convergence_statmap.nii.gz")))
    assert 1 < np.nanmax(np.abs(image.get_fdata())) < 10  # three digits are two decimals
    visit.choose("map", "convergence")
    visit.go(0, -18, 12)
    frame = visit.page.locator("#slices").bounding_box()
    values = []
    for share in ((0.15, 0.3), (0.5, 0.25), (0.82, 0.4), (0.2, 0.55)):
        position = {"x": share[0] * frame["width"], "y": share[1] * frame["height"]}
        visit.page.click("#slices", position=position)
        visit.page.wait_for_timeout(300)
        visit.settle()
        assert re.search(r"convergence: (-?\d\.\d\d|no value)\.$", visit.page.inner_text("#here"))
        value = at(image, visit.place)
        assert read_value(visit) == pytest.approx(value, abs=0.005 + 1e-6, nan_ok=True)
        values.append(value)
    assert np.isfinite(values).sum() >= 3
    assert np.nanmax(values) - np.nanmin(values) > 0.1
    visit.choose("map", "share of contrasts")


def shown_value(visit: Open, mm: tuple[float, ...]) -> float:
    """The value at a place of the map that is shown."""
    visit.go(*mm)
    return read_value(visit)


def read_value(visit: Open) -> float:
    """The value at the crosshair of the map that is shown; NaN where it has none."""
    text = visit.page.inner_text("#here")
    if text.endswith(": no value."):
        return float("nan")
    found = re.search(r": (-?[\d.]+)\.$", text)
    assert found is not None
    return float(found[1])


@SLOW
def test_a_click_on_the_surface_leads_below_it(visit: Open, files: dict[str, Any]) -> None:
    visit.go(0, 0, 0)
    before = visit.place
    frame = visit.page.locator("#surface").bounding_box()
    position = {"x": 0.5 * frame["width"], "y": 0.45 * frame["height"]}
    visit.page.click("#surface", position=position)
    visit.page.wait_for_timeout(300)
    visit.settle()
    assert np.linalg.norm(visit.place - before) > 30
    compare(visit, files)


@SLOW
def test_rows_of_the_tables_lead_to_their_places(visit: Open, first: Path) -> None:
    table = pd.read_csv(next(first.glob("group/*clusters.tsv")), sep="\t")
    buttons = visit.page.locator("#folder1-increase tr[data-go] button")
    assert buttons.count() == len(table)
    buttons.nth(1).click()
    visit.settle()
    np.testing.assert_allclose(
        visit.place, table.loc[1, ["peak_x", "peak_y", "peak_z"]].astype(float)
    )


@SLOW
def test_a_contrast_leads_to_its_map_and_peak(visit: Open, files: dict[str, Any]) -> None:
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    visit.page.locator("tr[data-contrast] button").nth(1).click()
    path, sidecar = files["contrasts"][1]
    visit.page.wait_for_function(
        "text => document.getElementById('unit').textContent === text",
        arg=f"t: {sidecar['Contrast']}",
    )
    visit.page.wait_for_timeout(500)
    stem = path.name.removesuffix("_desc-significant_mask.json")
    image = files["images"][f"{stem}_stat-t_statmap.nii.gz"]
    assert abs(at(image, visit.place) - np.nanmax(np.asarray(image.dataobj))) <= 0.1
    visit.choose("map", "share of contrasts")


@SLOW
def test_a_focus_leads_to_its_voxel(visit: Open, files: dict[str, Any]) -> None:
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    focus = files["contrasts"][0][1]["Foci"][0]
    visit.page.get_by_role("button", name=" ".join(f"{v:g}" for v in focus), exact=True).click()
    visit.settle()
    assert np.abs(visit.place - focus).max() <= 3 + 1e-6


@SLOW
def test_keys_move_by_a_voxel(visit: Open) -> None:
    visit.go(0, 0, 0)
    before = visit.place
    visit.page.focus("#slices")
    for key, move in (("ArrowRight", (6, 0, 0)), ("ArrowUp", (6, 6, 0)), ("PageDown", (6, 6, -6))):
        visit.page.keyboard.press(key)
        visit.page.wait_for_timeout(150)
        np.testing.assert_allclose(visit.place - before, move)


@SLOW
def test_what_is_saved_is_what_is_shown(visit: Open, tmp_path: Path) -> None:
    visit.go(0, -18, 12)
    for kind in ("tsv", "svg", "png"):
        with visit.page.expect_download() as download:
            visit.page.click(f"#save-{kind}")
        download.value.save_as(tmp_path / f"view.{kind}")
    table = pd.read_csv(tmp_path / "view.tsv", sep="\t", dtype=str)
    assert table.iloc[:, 4:].to_numpy().tolist() == visit.rows
    assert table[["x", "y", "z"]].astype(float).to_numpy()[0].tolist() == visit.place.tolist()
    drawing = ElementTree.parse(tmp_path / "view.svg").getroot()
    assert len(drawing.findall("{http://www.w3.org/2000/svg}image")) == 5
    assert (tmp_path / "view.png").read_bytes().startswith(b"\x89PNG")


@SLOW
def test_two_folders_are_compared_on_the_grid_of_the_first(
    browser: Any, first: Path, second: Path, tmp_path: Path
) -> None:
    visit = opened(browser, tmp_path, first, second)
    visit.choose("other", "second: decrease")
    visit.page.wait_for_function(
        "() => document.getElementById('volume').textContent.includes('Dice')"
    )
    one, two = (nib.load(next(root.glob("group/*_probseg.nii.gz"))) for root in (first, second))
    mine = np.asarray(one.dataobj)
    known = np.isfinite(mine)
    mm = np.argwhere(known) @ one.affine[:3, :3].T + one.affine[:3, 3]
    voxel = np.floor((mm - two.affine[:3, 3]) / 8 + 0.5).astype(int)
    inside = ((voxel >= 0) & (voxel < two.shape)).all(axis=1)
    other = np.zeros(len(mm))
    other[inside] = np.nan_to_num(np.asarray(two.dataobj))[tuple(voxel[inside].T)]
    a, b = mine[known] >= 0.5 - 1e-6, other >= 0.5 - 1e-6
    assert f"both {(a & b).sum() * 0.216:.2f} cm³" in visit.volume
    assert f"Dice {2 * (a & b).sum() / (a.sum() + b.sum()):.3f}" in visit.volume
    assert len(visit.rows) == 12
    visit.choose("map", "difference of shares: this less second: decrease")
    visit.go(*mm[np.argmax(mine[known] - other)])
    value = re.search(r"difference of shares.*: (-?[\d.]+)\.$", visit.page.inner_text("#here"))
    assert value is not None
    assert abs(float(value[1]) - np.max(mine[known] - other)) < 6e-4
    assert visit.complaints == []
    visit.page.close()


@SLOW
def test_the_region_is_that_of_the_atlas(
    browser: Any, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = nib.load(next(first.glob("group/*_probseg.nii.gz")))
    labels = 1 + np.indices(share.shape)[0] // 8 % 2
    folder = tmp_path / "tpl-MNI152NLin6Asym"
    folder.mkdir()
    stem = "tpl-MNI152NLin6Asym_{}atlas-Schaefer2018_desc-400Parcels7Networks_dseg"
    atlas = nib.Nifti1Image(labels.astype(np.int16), share.affine)
    nib.save(atlas, folder / (stem.format("res-02_") + ".nii.gz"))
    names = ["7Networks_LH_Vis_1", "7Networks_RH_Cont_pCun_3"]
    table = pd.DataFrame({"index": [1, 2], "name": names})
    table.to_csv(folder / (stem.format("") + ".tsv"), sep="\t", index=False)
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    visit = opened(browser, tmp_path, first)
    words = ["left visual cortex (visual network)", "right precuneus (control network)"]
    for x in (-48, 0, 42):
        visit.go(x, -18, 12)
        name = words[int(at(atlas, visit.place)) - 1]
        assert f"Region: {name} (" in visit.page.inner_text("#here")
    visit.page.close()


@SLOW
def test_hostile_names_stay_text(browser: Any, tmp_path: Path) -> None:
    root = make_results(tmp_path / "h", voxel=8.0, contrasts=2, effect=HOSTILE[0], names=HOSTILE)
    visit = opened(browser, tmp_path, root)
    assert [row[0] for row in visit.rows] == list(HOSTILE)
    with visit.page.expect_download() as download:
        visit.page.click("#save-tsv")
    download.value.save_as(tmp_path / "view.tsv")
    assert "\t'=HYPERLINK(1)" in (tmp_path / "view.tsv").read_text()
    with visit.page.expect_download() as download:
        visit.page.click("#save-svg")
    download.value.save_as(tmp_path / "view.svg")
    ElementTree.parse(tmp_path / "view.svg")
    assert visit.complaints == []
    visit.page.close()


@SLOW
def test_without_webgl_there_are_slices(browser: Any, first: Path, tmp_path: Path) -> None:
    assert main([str(first), "--output", str(tmp_path / "e.html")]) == 0
    plain = browser.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, *NO_WEBGL])
    visit = Open(plain, tmp_path / "e.html")
    assert visit.page.get_attribute("#explorer", "data-ready") == "plain"
    before = visit.place
    visit.page.locator("#plain canvas").nth(2).click(position={"x": 60, "y": 60})
    visit.settle()
    assert (visit.place != before).any()
    assert visit.page.locator("#without").is_visible()
    plain.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@SLOW
def test_it_fits_a_telephone(browser: Any, first: Path, tmp_path: Path, scheme: str) -> None:
    visit = opened(browser, tmp_path, first)
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.set_viewport_size({"width": 390, "height": 800})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.page.close()
