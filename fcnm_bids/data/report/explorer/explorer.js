"use strict";
(async function () {
  const element = (id) => document.getElementById(id);
  const content = JSON.parse(element("explorer-content").textContent);
  if (typeof DecompressionStream === "undefined") return; // the tables stand without it

  // ---- arrays ------------------------------------------------------------------------------
  async function inflate(text, format = "deflate") {
    const squeezed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([squeezed]).stream().pipeThrough(new DecompressionStream(format));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  const bit = (bytes, n) => (bytes[n >> 3] >> (n & 7)) & 1;
  const difference = (bytes, n) => { const coded = bytes[n] | (bytes[(bytes.length >> 1) + n] << 8); return (coded >>> 1) ^ -(coded & 1); };
  const short = (v) => (v << 16) >> 16;
  async function numbers(packed) {
    const bytes = await inflate(packed.bytes), found = new Float32Array(bytes.length >> 1);
    let whole = 0;
    for (let n = 0; n < found.length; n += 1) { whole = short(whole + difference(bytes, n)); found[n] = whole * packed.step; }
    return found;
  }
  async function volume(packed, folder) { // as packing.pack_volume has it
    const bytes = await inflate(packed.bytes), missing = packed.missing ? await inflate(packed.missing) : null;
    const [nx, ny, nz] = folder.shape, sx = nx + 1, sxy = sx * (ny + 1), box = new Int16Array(sxy * (nz + 1));
    const found = new Float32Array(folder.known.length);
    for (let n = 0; n < found.length; n += 1) {
      const voxel = folder.known[n], x = voxel % nx, y = Math.floor(voxel / nx) % ny, z = Math.floor(voxel / (nx * ny));
      const p = x + 1 + sx * (y + 1) + sxy * (z + 1);
      const sides = box[p - 1] + box[p - sx] + box[p - sxy];
      const corners = box[p - 1 - sx] + box[p - 1 - sxy] + box[p - sx - sxy];
      const whole = short(Math.round((2 * sides - corners) / 3) + difference(bytes, n));
      box[p] = whole;
      found[n] = missing && bit(missing, n) ? NaN : whole * packed.step;
    }
    return found;
  }
  async function positions(packed, length) {
    const flat = await numbers(packed), found = new Float32Array(3 * length);
    for (let n = 0; n < length; n += 1) for (let a = 0; a < 3; a += 1) found[3 * n + a] = flat[a * length + n];
    return found;
  }

  // ---- folders -----------------------------------------------------------------------------
  function inverse(m) { // of the affine's three rows
    const [[a, b, c], [d, e, f], [g, h, i]] = m;
    const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
    return [[e * i - f * h, c * h - b * i, b * f - c * e], [f * g - d * i, a * i - c * g, c * d - a * f],
      [d * h - e * g, b * g - a * h, a * e - b * d]].map((row) => row.map((v) => v / det));
  }
  async function open(folder) {
    const inside = await inflate(folder.inside), [nx, ny, nz] = folder.shape;
    folder.total = nx * ny * nz;
    folder.order = new Int32Array(folder.total).fill(-1); // number among the known voxels
    let known = 0;
    for (let n = 0; n < folder.total; n += 1) if (bit(inside, n)) { folder.order[n] = known; known += 1; }
    folder.known = new Int32Array(known);
    for (let n = 0; n < folder.total; n += 1) if (folder.order[n] >= 0) folder.known[folder.order[n]] = n;
    folder.bits = folder.masks ? await inflate(folder.masks) : null;
    folder.row = Math.ceil(known / 8);
    folder.back = inverse(folder.affine);
    folder.cache = new Map();
  }
  function index(folder, mm) { // voxel that holds a position; -1 outside
    const moved = mm.map((v, a) => v - folder.affine[a][3]);
    const ijk = folder.back.map((row) => Math.round(row[0] * moved[0] + row[1] * moved[1] + row[2] * moved[2]));
    if (ijk.some((v, a) => v < 0 || v >= folder.shape[a])) return -1;
    return ijk[0] + folder.shape[0] * (ijk[1] + folder.shape[1] * ijk[2]);
  }
  function centre(folder, voxel) {
    const [nx, ny] = folder.shape, ijk = [voxel % nx, Math.floor(voxel / nx) % ny, Math.floor(voxel / (nx * ny))];
    return folder.affine.map((row) => row[0] * ijk[0] + row[1] * ijk[1] + row[2] * ijk[2] + row[3]);
  }
  const holds = (folder, contrast, known) => bit(folder.bits, 8 * folder.row * contrast + known) === 1;
  async function values(folder, packed) {
    if (!folder.cache.has(packed)) folder.cache.set(packed, await volume(packed, folder));
    return folder.cache.get(packed);
  }

  // ---- colours -----------------------------------------------------------------------------
  function mix(colors, share) {
    const where = Math.min(Math.max(share, 0), 1) * (colors.length - 1);
    const low = Math.min(Math.floor(where), colors.length - 2), rest = where - low;
    return [1, 3, 5].map((n) => {
      const a = parseInt(colors[low].slice(n, n + 2), 16), b = parseInt(colors[low + 1].slice(n, n + 2), 16);
      return Math.round(a + rest * (b - a));
    });
  }
  const SORTS = [[230, 159, 0], [86, 180, 233], [204, 121, 167]]; // the first alone, the second alone, both
  const table = (colors) => Array.from({ length: 256 }, (_, n) => mix(colors, n / 255));
  const rising = table(content.rising), falling = table(content.falling);
  function color(v) {
    if (shown.sorts) return SORTS[Math.round(v) - 1];
    const part = shown.high > 0 ? Math.min(Math.abs(v) / shown.high, 1) : 0;
    return (v < 0 ? falling : rising)[Math.round(255 * part)];
  }

  // ---- what is shown -----------------------------------------------------------------------
  const folders = content.folders, at = [0, 0, 0];
  let folder = null, network = null, shown = null, picture = null, passing = null;
  await Promise.all(folders.map(open));
  const networks = folders.flatMap((f) => f.networks.map((n) => ({ folder: f, network: n,
    title: folders.length > 1 ? f.name + ": " + n.effect : n.effect })));
  const compared = () => (element("other").value === "" ? null : networks[Number(element("other").value)]);
  const P_LEVELS = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001];
  const isP = (stat) => stat === "p" || stat === "pfwe";
  // no more decimals than the values were stored with
  const digits = (map) => (map.packed && map.stat !== "share" ? Math.max(0, Math.round(-Math.log10(map.packed.step))) : 3);

  function choices() {
    const list = network.maps.map((m) => ({ ...m, packed: m.values }));
    for (const n of network.contrasts) {
      const c = folder.contrasts[n];
      if (c.t) list.push({ title: "t: " + c.name, stat: "t", packed: c.t, contrast: n, from: c.threshold, tail: c.tail });
    }
    const other = compared();
    if (other) {
      list.push({ title: "overlap with " + other.title, stat: "overlap", other });
      list.push({ title: "difference of shares: this less " + other.title, stat: "difference", other });
    }
    return list;
  }
  async function shares(entry, target) { // of a network, at the voxels of a folder
    const own = await values(entry.folder, entry.network.maps[0].values);
    if (entry.folder === target) return own;
    return Float32Array.from(target.known, (voxel) => {
      const n = index(entry.folder, centre(target, voxel));
      return n >= 0 && entry.folder.order[n] >= 0 ? own[entry.folder.order[n]] : NaN;
    });
  }
  const least = (n) => (n.maps[0].of ? Math.ceil(n.threshold * n.maps[0].of - 1e-6) / n.maps[0].of : n.threshold) - 1e-4;
  async function load(entry) {
    if (!entry.other) return values(folder, entry.packed);
    const mine = await shares({ folder, network }, folder), theirs = await shares(entry.other, folder);
    if (entry.stat === "difference") return mine.map((v, n) => v - theirs[n]);
    const a = least(network), b = least(entry.other.network);
    return mine.map((v, n) => (v >= a ? 1 : 0) + (theirs[n] >= b ? 2 : 0) || NaN);
  }
  function extent(found) {
    let high = 0;
    for (const v of found) if (Math.abs(v) > high) high = Math.abs(v);
    return high || 1;
  }

  async function choose(number) {
    const entry = choices()[number] || choices()[0];
    const found = await load(entry);
    shown = { ...entry, values: found, sorts: entry.stat === "overlap" };
    shown.high = shown.stat === "share" ? 1 : shown.sorts ? 3 : isP(shown.stat) ? 4 : extent(found);
    const slider = element("threshold");
    slider.disabled = shown.sorts;
    if (shown.of) { slider.min = 1; slider.max = shown.of; slider.value = Math.max(1, Math.round((least(network) + 1e-4) * shown.of)); }
    else if (isP(shown.stat)) { slider.min = 0; slider.max = P_LEVELS.length - 1; slider.value = 4; }
    else {
      slider.min = 0; slider.max = 200;
      const from = shown.stat === "share" ? network.threshold : shown.from || 0;
      slider.value = Math.min(200, Math.round(200 * from / shown.high));
      shown.exact = from; // until the slider is moved
    }
    await refresh();
  }
  function cut() {
    const slider = Number(element("threshold").value);
    if (shown.sorts) return 0;
    if (shown.of) return slider / shown.of;
    if (isP(shown.stat)) return P_LEVELS[slider];
    return shown.exact ?? slider / 200 * shown.high;
  }
  function test() {
    const from = cut(), stat = shown.stat, tail = shown.tail || "two-sided";
    if (shown.sorts) return (v) => v > 0;
    if (isP(stat)) return (v) => v <= from + 1e-6;
    if (stat === "share") return (v) => v >= from - 1e-4 && v > 0;
    if (stat === "t" && shown.contrast !== undefined) {
      if (tail === "positive") return (v) => v >= from && v > 0;
      if (tail === "negative") return (v) => v <= -from && v < 0;
    }
    return (v) => Math.abs(v) >= from && v !== 0;
  }
  function clusters(target, pass) { // sizes of clusters that touch by faces or edges
    const [nx, ny, nz] = target.shape, label = new Int32Array(target.total), sizes = [0], stack = [];
    for (let start = 0; start < pass.length; start += 1) {
      if (!pass[start] || label[target.known[start]]) continue;
      const own = sizes.length;
      let size = 0;
      stack.push(target.known[start]); label[target.known[start]] = own;
      while (stack.length) {
        const voxel = stack.pop(), x = voxel % nx, y = Math.floor(voxel / nx) % ny, z = Math.floor(voxel / (nx * ny));
        size += 1;
        for (let k = -1; k <= 1; k += 1) for (let j = -1; j <= 1; j += 1) for (let i = -1; i <= 1; i += 1) {
          if (i && j && k) continue;
          const u = x + i, v = y + j, w = z + k;
          if (u < 0 || v < 0 || w < 0 || u >= nx || v >= ny || w >= nz) continue;
          const next = u + nx * (v + ny * w), known = target.order[next];
          if (known >= 0 && pass[known] && !label[next]) { label[next] = own; stack.push(next); }
        }
      }
      sizes.push(size);
    }
    return { label, sizes };
  }
  const litres = (voxels) => (voxels * folder.voxel / 1000).toFixed(2) + " cm³";
  function measure() {
    const pass = test(), list = shown.values;
    passing = new Uint8Array(list.length);
    let count = 0;
    for (let n = 0; n < list.length; n += 1) if (pass(list[n])) { passing[n] = 1; count += 1; }
    let text = count.toLocaleString("en") + " voxels, " + litres(count);
    if (shown.sorts) {
      const size = [1, 2, 3].map((sort) => list.reduce((sum, v) => sum + (v === sort), 0));
      const both = size[0] + size[1] + 2 * size[2];
      text = "this alone " + litres(size[0]) + ", the other alone " + litres(size[1]) + ", both " + litres(size[2]) +
        "; Dice " + (both ? (2 * size[2] / both).toFixed(3) : "n/a") + " (before small clusters are left out)";
    } else if (shown.of && network.fewest > 1) {
      const { label, sizes } = clusters(folder, passing);
      let kept = 0, number = 0;
      sizes.forEach((size, n) => { if (n && size >= network.fewest) { kept += size; number += 1; } });
      passing.forEach((on, n) => { if (on && sizes[label[folder.known[n]]] < network.fewest) passing[n] = 0; });
      text += "; " + litres(kept) + " in " + number + " cluster" + (number === 1 ? "" : "s") + " of at least " + network.smallest + " mm³";
    }
    element("volume").textContent = text;
  }
  function thresholdText() {
    const from = cut();
    if (shown.sorts) return "each at its own";
    if (shown.of) return element("threshold").value + " of " + shown.of;
    if (isP(shown.stat)) return "p ≤ " + from;
    return "≥ " + from.toFixed(Math.max(1, digits(shown)));
  }

  // ---- slices ------------------------------------------------------------------------------
  const box = content.box;
  const anatomy = { ...content.anatomy, values: await inflate(content.anatomy.bytes) };
  function grey(mm) {
    const ijk = mm.map((v, a) => Math.round((v - box[a][0]) / anatomy.step));
    if (ijk.some((v, a) => v < 0 || v >= anatomy.shape[a])) return 0;
    return anatomy.values[ijk[0] + anatomy.shape[0] * (ijk[1] + anatomy.shape[1] * ijk[2])];
  }
  const scaled = (v) => (isP(shown.stat) ? -Math.log10(Math.max(v, 1e-4)) : v);
  const visible = (v, on) => v === v && v !== 0 && (on || (!shown.sorts && !isP(shown.stat)));
  function paint(axis, canvas) { // one slice, a pixel a millimetre
    const [across, up] = [0, 1, 2].filter((a) => a !== axis);
    const width = box[across][1] - box[across][0] + 1, height = box[up][1] - box[up][0] + 1;
    canvas.width = width; canvas.height = height;
    const context = canvas.getContext("2d"), image = context.createImageData(width, height), mm = [0, 0, 0];
    const on = new Uint8Array(width * height);
    mm[axis] = at[axis];
    for (let row = 0; row < height; row += 1) {
      mm[up] = box[up][1] - row;
      for (let column = 0; column < width; column += 1) {
        mm[across] = box[across][0] + column;
        let rgb = Array(3).fill(grey(mm));
        const n = index(folder, mm), known = n < 0 ? -1 : folder.order[n], pixel = row * width + column;
        if (known >= 0) {
          const v = shown.values[known];
          on[pixel] = passing[known];
          if (visible(v, on[pixel])) { const c = color(scaled(v)), o = on[pixel] ? 0.95 : 0.35; rgb = rgb.map((g, k) => g + o * (c[k] - g)); }
        }
        image.data.set([...rgb, 255], 4 * pixel);
      }
    }
    for (let p = 0; p < on.length; p += 1) {
      if (on[p] && !(on[p - 1] && on[p + 1] && on[p - width] && on[p + width])) image.data.set([255, 255, 255, 255], 4 * p);
    }
    context.putImageData(image, 0, 0);
    return [across, up];
  }
  function cross(canvas, across, up) {
    const context = canvas.getContext("2d"), x = at[across] - box[across][0] + 0.5, y = box[up][1] - at[up] + 0.5;
    context.strokeStyle = "rgba(120, 220, 255, 0.8)"; context.lineWidth = 0.8; context.beginPath();
    context.moveTo(x, 0); context.lineTo(x, canvas.height); context.moveTo(0, y); context.lineTo(canvas.width, y);
    context.stroke();
  }

  // ---- Niivue ------------------------------------------------------------------------------
  function nifti(shape, affine, data, code) {
    const buffer = new ArrayBuffer(352 + data.byteLength), view = new DataView(buffer);
    view.setInt32(0, 348, true);
    [3, ...shape, 1, 1, 1, 1].forEach((v, n) => view.setInt16(40 + 2 * n, v, true));
    view.setInt16(70, code, true); view.setInt16(72, 8 * data.BYTES_PER_ELEMENT, true);
    [1, ...[0, 1, 2].map((a) => Math.hypot(...affine.map((row) => row[a])))].forEach((v, n) => view.setFloat32(76 + 4 * n, v, true));
    view.setFloat32(108, 352, true); view.setFloat32(112, 1, true); view.setUint8(123, 2);
    view.setInt16(254, 1, true);
    affine.forEach((row, r) => row.forEach((v, n) => view.setFloat32(280 + 16 * r + 4 * n, v, true)));
    view.setUint32(344, 0x00312b6e, true);
    new Uint8Array(buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 352);
    return buffer;
  }
  const lut = (colors) => ({ R: colors.map((c) => c[0]), G: colors.map((c) => c[1]), B: colors.map((c) => c[2]),
    A: colors.map((_, n) => (n ? 255 : 0)), I: colors.map((_, n) => Math.round(n * 255 / (colors.length - 1))) });
  element("explorer").hidden = false; // Niivue measures its canvases
  const gl = await startNiivue();
  async function startNiivue() {
    if (!document.createElement("canvas").getContext("webgl2")) return null;
    const script = document.createElement("script"); // runs by its digest in the page's policy
    script.textContent = new TextDecoder().decode(await inflate(element("niivue").textContent, "gzip"));
    document.head.append(script);
    const shared = { logLevel: "error", dragAndDropEnabled: false, loadingText: "", backColor: [0, 0, 0, 1], fontColor: [1, 1, 1, 1] };
    const slices = new niivue.Niivue({ ...shared, isNearestInterpolation: true, crosshairColor: [0.47, 0.86, 1, 0.8], crosshairWidth: 0.6, multiplanarShowRender: 0, isColorbar: false, isCornerOrientationText: true, show3Dcrosshair: false });
    const surface = new niivue.Niivue({ ...shared, crosshairColor: [0.47, 0.86, 1, 1], crosshairWidth: 0.5, show3Dcrosshair: true, isOrientCube: false });
    await slices.attachToCanvas(element("slices"));
    await surface.attachToCanvas(element("surface"));
    slices.addColormap("Rising", lut(rising)); slices.addColormap("Falling", lut(falling)); slices.addColormap("Sorts", lut([[0, 0, 0], ...SORTS]));
    const ground = [0, 1, 2].map((r) => [0, 1, 2].map((n) => (r === n ? anatomy.step : 0)).concat(box[r][0]));
    slices.addVolume(await niivue.NVImage.new(nifti(anatomy.shape, ground, anatomy.values, 2), "anatomy.nii", "gray", 1, null, 0, 255, true, 0.02, false, false, "", 0, 0, NaN, NaN, false, null, 0, null));
    slices.setSliceType(3); // three planes
    surface.setSliceType(4); // rendering
    slices.onLocationChange = (where) => { const mm = [...where.mm].slice(0, 3); if (mm.some((v, a) => Math.abs(v - at[a]) > 1e-3)) go(mm, "slices"); };
    surface.onLocationChange = (where) => turned([...where.mm].slice(0, 3));
    return { slices, surface, mesh: null, overlay: null };
  }
  async function overlay() {
    const from = shown.sorts ? 0.5 : isP(shown.stat) ? Math.max(-Math.log10(cut()) - 1e-4, 1e-6) : Math.max(cut() - (shown.stat === "share" ? 1e-4 : 0), 1e-6 * shown.high);
    const data = new Float32Array(folder.total);
    for (let n = 0; n < shown.values.length; n += 1) {
      const v = shown.values[n], own = visible(v, passing[n]) ? scaled(v) : 0;
      // what does not pass stays below the threshold: the other tail, small clusters
      data[folder.known[n]] = passing[n] ? own : Math.sign(own) * Math.min(Math.abs(own), 0.98 * from);
    }
    if (gl.overlay) gl.slices.removeVolume(gl.overlay);
    const image = await niivue.NVImage.new(nifti(folder.shape, folder.affine, data, 16), "map.nii", shown.sorts ? "Sorts" : "Rising", 1, null,
      Math.min(from, shown.high), shown.high, true, 0.02, false, false, shown.sorts ? "" : "Falling", 0, 0, NaN, NaN, false, null, 1, null);
    image.colormapType = 1; // from 0 on, translucent below the threshold
    gl.overlay = image;
    gl.slices.overlayOutlineWidth = 1;
    gl.slices.addVolume(image);
  }

  // ---- surface -----------------------------------------------------------------------------
  const sides = {};
  for (const [name, half] of Object.entries(content.surface)) {
    const faces = await positions(half.faces, Math.round(half.triangles));
    sides[name] = { points: await positions(half.points, half.n), inner: await positions(half.inner, half.n), faces: Uint32Array.from(faces) };
  }
  function chosen() {
    const side = element("side").value;
    return side === "both" ? [sides.left, sides.right] : [sides[side]];
  }
  function colours(halves) {
    const count = halves.reduce((sum, h) => sum + h.points.length / 3, 0), rgba = new Uint8Array(4 * count);
    let vertex = 0;
    for (const half of halves) for (let n = 0; n < half.inner.length; n += 3) {
      let rgb = [224, 224, 224];
      const voxel = index(folder, [half.inner[n], half.inner[n + 1], half.inner[n + 2]]);
      const known = voxel < 0 ? -1 : folder.order[voxel];
      if (known >= 0 && visible(shown.values[known], passing[known])) {
        const c = color(scaled(shown.values[known])), o = passing[known] ? 1 : 0.25;
        rgb = rgb.map((g, k) => Math.round(g + o * (c[k] - g)));
      }
      rgba.set([...rgb, 255], 4 * vertex);
      vertex += 1;
    }
    return rgba;
  }
  function drawSurface(anew) {
    const halves = chosen(), rgba = colours(halves);
    if (anew || !gl.mesh) {
      if (gl.mesh) gl.surface.removeMesh(gl.mesh);
      const points = new Float32Array(halves.flatMap((h) => [...h.points]));
      let before = 0;
      const faces = new Uint32Array(halves.flatMap((h) => { const moved = [...h.faces].map((f) => f + before); before += h.points.length / 3; return moved; }));
      gl.mesh = new niivue.NVMesh(points, faces, "brain", rgba, 1, true, gl.surface.gl);
      gl.surface.addMesh(gl.mesh);
    } else {
      gl.mesh.rgba255 = rgba;
      gl.mesh.updateMesh(gl.surface.gl);
    }
    gl.surface.drawScene();
  }
  function turned(mm) { // a click on the surface: the place below the vertex that was hit
    let best = Infinity, where = null;
    for (const half of chosen()) for (let n = 0; n < half.points.length; n += 3) {
      const d = (half.points[n] - mm[0]) ** 2 + (half.points[n + 1] - mm[1]) ** 2 + (half.points[n + 2] - mm[2]) ** 2;
      if (d < best) { best = d; where = [...half.inner.slice(n, n + 3)]; }
    }
    if (where && best < 16) go(where, "surface");
  }

  // ---- place -------------------------------------------------------------------------------
  const mmText = (v) => (Math.round(10 * v) / 10 + 0).toString();
  function go(mm, from) {
    const voxel = index(folder, mm);
    const exact = voxel >= 0 ? centre(folder, voxel) : mm;
    exact.forEach((v, a) => { at[a] = Math.round(100 * v) / 100; });
    place(from);
  }
  function place(from) {
    if (gl) {
      if (from !== "drawn") gl.slices.scene.crosshairPos = gl.slices.mm2frac(at);
      gl.slices.drawScene();
      if (gl.mesh) { gl.surface.scene.crosshairPos = gl.surface.mm2frac(at); gl.surface.drawScene(); }
    } else plain();
    ["x", "y", "z"].forEach((axis, a) => { element(axis).value = mmText(at[a]); });
    describe();
  }
  const distance = (focus) => Math.hypot(focus[0] - at[0], focus[1] - at[1], focus[2] - at[2]);
  let turn = 0;
  async function describe() {
    const mine = (turn += 1), voxel = index(folder, at), known = voxel < 0 ? -1 : folder.order[voxel];
    const entries = [networks.find((entry) => entry.network === network), compared()].filter(Boolean);
    const cell = async (entry, packed, own) => (packed && own >= 0 ? (await values(entry.folder, packed))[own] : NaN);
    const text = (v, places) => (v === v ? v.toFixed(places) : "–");
    const lines = [], pending = [];
    let sentence = known < 0 ? "No value here. " : "";
    for (const entry of entries) {
      const n = index(entry.folder, at), own = n < 0 ? -1 : entry.folder.order[n];
      let held = 0;
      if (entries.length > 1) {
        const line = document.createElement("tr"), heading = document.createElement("th");
        heading.colSpan = 6; heading.scope = "rowgroup"; heading.textContent = entry.title;
        line.append(heading); lines.push(line);
      }
      for (const number of entry.network.contrasts) {
        const contrast = entry.folder.contrasts[number];
        const yes = own >= 0 && entry.folder.bits !== null && holds(entry.folder, number, own);
        const near = contrast.foci.length ? Math.min(...contrast.foci.map(distance)) : NaN;
        const line = document.createElement("tr");
        line.dataset.network = entry.title;
        [contrast.name, contrast.studies.join(", "), yes ? "yes" : "no", "…", "…", text(near, 1)].forEach((cellText, c) => {
          const td = line.insertCell();
          td.textContent = cellText;
          if (c > 2) td.className = "number";
        });
        if (yes) line.className = "yes";
        held += yes;
        lines.push(line);
        pending.push(async () => {
          line.cells[3].textContent = text(await cell(entry, contrast.t, own), 1);
          line.cells[4].textContent = text(await cell(entry, contrast.n, own), 0);
        });
      }
      if (own >= 0) sentence += (entries.length > 1 ? entry.title + ": " : "") + held + " of " + entry.network.contrasts.length + " contrasts hold this voxel. ";
    }
    if (known >= 0 && !shown.sorts && shown.packed !== network.maps[0].values) {
      const v = shown.values[known];
      sentence += shown.title + ": " + (v !== v ? "no value" : shown.of ? Math.round(v * shown.of) + " of " + shown.of : v.toFixed(digits(shown))) + ".";
    }
    if (known >= 0 && folder.regions) {
      const region = folder.regions.names[(await values(folder, folder.regions.labels))[known]];
      sentence += " Region: " + (region || "none") + " (" + folder.regions.atlas + ").";
      if (mine !== turn) return;
    }
    element("here").textContent = sentence;
    element("held").tBodies[0].replaceChildren(...lines);
    [1, 5].forEach((c) => { // lesions have neither study nor foci; names of contrasts often begin with the study
      const bare = pending.length > 0 && lines.every(({ cells }) => !cells[c] || cells[c].textContent === "–" ||
        (c === 1 && cells[0].textContent.startsWith(cells[1].textContent)));
      [element("held").tHead.rows[0], ...lines].forEach((row) => { if (row.cells[c]) row.cells[c].hidden = bare; });
    });
    for (const fill of pending) { // the first look at a map unpacks it
      await fill();
      if (mine !== turn) return;
    }
    element("explorer").dataset.place = at.join(" ");
  }
  function plain() {
    [0, 1, 2].forEach((axis) => { const canvas = element("plain").children[axis]; cross(canvas, ...paint(axis, canvas)); });
  }

  async function refresh() {
    measure();
    element("threshold-text").textContent = thresholdText();
    scale();
    if (gl) { await overlay(); drawSurface(false); }
    place("refresh");
  }
  function scale() {
    const canvas = element("bar"), context = canvas.getContext("2d"), signed = shown.stat !== "share" && !shown.sorts && !isP(shown.stat) && shown.values.some((v) => v < 0);
    const low = signed ? -shown.high : 0, from = isP(shown.stat) ? -Math.log10(cut()) : cut();
    for (let x = 0; x < canvas.width; x += 1) {
      const v = shown.sorts ? 1 + Math.min(2, Math.floor(3 * x / canvas.width)) : low + x / (canvas.width - 1) * (shown.high - low);
      context.fillStyle = "rgb(" + color(v).join(",") + ")";
      context.fillRect(x, 0, 1, canvas.height);
    }
    if (!shown.sorts) for (const mark of signed && shown.tail !== "positive" ? [from, -from] : [from]) {
      context.fillStyle = "#000"; context.fillRect((mark - low) / (shown.high - low) * (canvas.width - 1) - 1, 0, 3, canvas.height);
      context.fillStyle = "#fff"; context.fillRect((mark - low) / (shown.high - low) * (canvas.width - 1), 0, 1, canvas.height);
    }
    const text = (v) => (isP(shown.stat) ? "p " + 10 ** -v : v.toFixed(digits(shown)));
    element("low").textContent = shown.sorts ? "orange: this alone; blue: the other alone; pink: both" : shown.of ? "0" : text(low);
    element("high").textContent = shown.sorts ? "" : "to " + (shown.of ? shown.of + " of " + shown.of : text(shown.high));
    element("unit").textContent = shown.title;
  }

  // ---- controls ----------------------------------------------------------------------------
  const option = (text, value) => new Option(text, String(value));
  async function pickNetwork(number, map) {
    ({ folder, network } = networks[number]);
    element("network").value = String(number);
    if (element("other").value === String(number)) element("other").value = "";
    await fillMaps(map || 0);
  }
  async function fillMaps(map) {
    element("map").replaceChildren(...choices().map((entry, n) => option(entry.title, n)));
    element("map").value = String(map);
    await choose(map);
  }
  networks.forEach((entry, n) => element("network").add(option(entry.title, n)));
  element("other").add(option("nothing", ""));
  networks.forEach((entry, n) => element("other").add(option(entry.title, n)));
  element("network").addEventListener("change", (e) => pickNetwork(Number(e.target.value)));
  element("map").addEventListener("change", (e) => choose(Number(e.target.value)));
  element("other").addEventListener("change", async (e) => {
    const list = choices();
    await fillMaps(e.target.value === "" ? 0 : list.length - 2);
  });
  element("threshold").addEventListener("input", () => { delete shown.exact; refresh(); });
  element("controls").addEventListener("submit", (e) => e.preventDefault());
  element("place").addEventListener("submit", (e) => { e.preventDefault(); go(["x", "y", "z"].map((axis) => Number(element(axis).value))); });
  element("side").addEventListener("change", () => drawSurface(true));
  element("views").addEventListener("click", (e) => {
    const view = e.target.dataset.view;
    if (view && gl) gl.surface.setRenderAzimuthElevation(...view.split(" ").map(Number));
  });
  element("slices").addEventListener("keydown", (e) => {
    const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1], PageDown: [2, -1], PageUp: [2, 1] }, key = keys[e.key];
    if (!key) return;
    e.preventDefault();
    const size = Math.hypot(...folder.affine.map((row) => row[key[0]])), next = [...at];
    next[key[0]] += key[1] * (e.shiftKey ? Math.max(size, 10) : size);
    go(next);
  });
  element("surface").addEventListener("keydown", (e) => {
    const keys = { ArrowLeft: [15, 0], ArrowRight: [-15, 0], ArrowDown: [0, -15], ArrowUp: [0, 15] }, key = keys[e.key];
    if (!key || !gl) return;
    e.preventDefault();
    gl.surface.setRenderAzimuthElevation(gl.surface.scene.renderAzimuth + key[0], gl.surface.scene.renderElevation + key[1]);
  });
  let pressed = [0, 0];
  element("surface").addEventListener("pointerdown", (e) => { pressed = [e.offsetX, e.offsetY]; });
  element("surface").addEventListener("click", (e) => { // Niivue itself picks on a double click alone
    if (!gl || Math.hypot(e.offsetX - pressed[0], e.offsetY - pressed[1]) > 3) return; // it was turned
    gl.surface.mousePos = [e.offsetX, e.offsetY].map((v) => v * gl.surface.uiData.dpr);
    gl.surface.uiData.mouseDepthPicker = true;
    gl.surface.drawScene();
  });
  function peak(list, tail, among) {
    let best = -Infinity, where = -1;
    list.forEach((v, n) => { if (among && !among[n]) return; const height = tail === "negative" ? -v : tail === "two-sided" ? Math.abs(v) : v; if (height > best) { best = height; where = n; } });
    return where < 0 ? null : centre(folder, folder.known[where]);
  }
  // Rows and texts of the page lead here: a position, or a contrast's map at its peak.
  const LEADS = "[data-go], [data-contrast]";
  document.querySelectorAll(LEADS).forEach((lead) => {
    const cell = lead.cells ? lead.cells[0] : lead, button = document.createElement("button");
    button.type = "button"; button.className = "go"; button.title = "Show in the explorer";
    button.append(...cell.childNodes);
    cell.append(button);
  });
  document.addEventListener("click", async (e) => {
    const lead = e.target.closest(LEADS);
    if (!lead || !getSelection().isCollapsed) return;
    const data = lead.dataset;
    const number = networks.findIndex((entry) => entry.folder === folders[Number(data.folder)] && entry.network.label === data.network);
    if (networks[number].network !== network) await pickNetwork(number);
    if (data.go) go(data.go.split(" ").map(Number));
    else {
      const map = choices().findIndex((entry) => entry.contrast !== undefined && folder.contrasts[entry.contrast].label === data.contrast);
      if (map < 0) return;
      element("map").value = String(map);
      await choose(map);
      const where = peak(shown.values, shown.tail);
      if (where) go(where);
    }
    history.pushState(null, "", "#explore"); // "back" returns to the row
    element("explore").scrollIntoView({ block: "start" });
  });
  [0, 1, 2].forEach((axis) => {
    const canvas = document.createElement("canvas"), [across, up] = [0, 1, 2].filter((a) => a !== axis);
    canvas.addEventListener("pointerdown", (e) => {
      const frame = canvas.getBoundingClientRect(), mm = [...at];
      mm[across] = box[across][0] + (e.clientX - frame.left) / frame.width * (box[across][1] - box[across][0]);
      mm[up] = box[up][1] - (e.clientY - frame.top) / frame.height * (box[up][1] - box[up][0]);
      go(mm);
    });
    canvas.setAttribute("aria-label", ["Sagittal", "Coronal", "Axial"][axis] + " slice");
    canvas.setAttribute("role", "img");
    element("plain").append(canvas);
  });

  // ---- files -------------------------------------------------------------------------------
  function save(blob, ending) {
    const link = document.createElement("a"), name = (network.effect + "_" + shown.title).replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
    link.href = URL.createObjectURL(blob);
    link.download = name + ending;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  const escaped = (text) => text.replace(/[&<>"']/g, (c) => "&#" + c.charCodeAt(0) + ";").replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "");
  function drawing() {
    const parts = [], names = ["x", "y", "z"], canvas = document.createElement("canvas");
    let left = 10, tall = 0;
    for (const axis of [0, 1, 2]) {
      const [across, up] = paint(axis, canvas), w = 2 * canvas.width, h = 2 * canvas.height;
      const x = left + 2 * (at[across] - box[across][0]) + 1, y = 46 + 2 * (box[up][1] - at[up]) + 1;
      parts.push(`<image x="${left}" y="46" width="${w}" height="${h}" style="image-rendering:pixelated" href="${canvas.toDataURL()}"/>`,
        `<path d="M${x} 46V${46 + h}M${left} ${y}H${left + w}" stroke="#78dcff" stroke-width="1"/>`,
        `<text x="${left + 4}" y="60" fill="#fff">${names[axis]} = ${mmText(at[axis])} mm</text>`);
      if (axis) parts.push(`<text x="${left + 4}" y="${42 + h}" fill="#fff">L</text>`);
      left += w + 10; tall = Math.max(tall, h);
    }
    if (gl) {
      gl.surface.drawScene();
      const source = element("surface"), h = tall, w = Math.round(h * source.width / source.height);
      parts.push(`<image x="${left}" y="46" width="${w}" height="${h}" href="${source.toDataURL()}"/>`);
      left += w + 10;
    }
    const bar = element("bar").toDataURL(), y = tall + 62;
    parts.push(`<image x="10" y="${y}" width="240" height="14" href="${bar}"/>`,
      `<text x="258" y="${y + 12}">${escaped(element("low").textContent + " " + element("high").textContent)}; threshold ${escaped(thresholdText())}; ${escaped(element("volume").textContent)}</text>`,
      `<text x="10" y="30" font-size="16">${escaped(networks.find((e) => e.network === network).title + ": " + shown.title)}</text>`);
    return { width: left, height: tall + 86, text: `<svg xmlns="http://www.w3.org/2000/svg" width="${left}" height="${tall + 86}" viewBox="0 0 ${left} ${tall + 86}" font-family="Arial, sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>` };
  }
  element("save-svg").addEventListener("click", () => save(new Blob([drawing().text], { type: "image/svg+xml" }), ".svg"));
  element("save-png").addEventListener("click", () => {
    const { width, height, text } = drawing(), image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = 2 * width; canvas.height = 2 * height;
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(blob, ".png"), "image/png");
    };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  });
  element("save-tsv").addEventListener("click", () => {
    const cell = (text) => text.trim().replace(/\s+/g, " ").replace(/^[=+\-@](?!\d)/, "'$&");
    const texts = (row) => [...row.cells].map((c) => cell(c.textContent)), body = element("held").tBodies[0];
    const rows = [...body.rows].filter((row) => row.dataset.network !== undefined);
    const lines = [["x", "y", "z", "Network", ...texts(element("held").tHead.rows[0])],
      ...rows.map((row) => [...at.map(mmText), cell(row.dataset.network), ...texts(row)])];
    const text = lines.map((line) => line.join("\t")).join("\n") + "\n";
    save(new Blob([text], { type: "text/tab-separated-values" }), ".tsv");
  });

  // ---- start -------------------------------------------------------------------------------
  if (!gl) {
    element("without").hidden = false;
    element("plain").hidden = false;
    document.querySelector(".flat").hidden = true;
    document.querySelector(".turning").hidden = true;
  }
  await pickNetwork(0);
  const start = peak(shown.values, "positive", passing) || peak(shown.values, "positive");
  go(start || [0, 0, 0]);
  if (gl) { gl.surface.setScale(1.25); gl.surface.setRenderAzimuthElevation(90, 10); }
  element("explorer").dataset.ready = gl ? "webgl2" : "plain";
}());
