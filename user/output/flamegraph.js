// SPDX-License-Identifier: BSD-2-Clause
// In: the boxes that are in the picture, each a <g> of a <title>, a <rect> and perhaps a <text>, a parent before
// its children. Out: zoom, search, details, keyboard. Names of functions are data here: they are read and written
// as text, never as markup.
(function () {
	"use strict";
	const SVG = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
	const PAD = 3, LEAST_TEXT = 3; // pixels beside a text, letters that are worth showing
	const NARROW = 2;	       // pixels of a box that has no room for its outline
	const byId = (id) => document.getElementById(id);
	const svg = document.documentElement, frames = byId("frames"), details = byId("details");
	const matched = byId("matched"), reset = byId("reset"), search = byId("search");
	const total = Number(frames.dataset.total), icicle = frames.dataset.icicle === "1";
	let letter = 7.2; // width of one, measured below
	let zoomed = 0, here = 0, pattern = null, field = null;

	// ---- the boxes ----------------------------------------------------------------------------------

	const boxes = [];
	let top = null; // of the root
	for (const g of frames.children) {
		const rect = g.querySelector("rect"), title = g.querySelector("title").textContent;
		const y = Number(rect.getAttribute("y"));
		if (top === null)
			top = y;
		boxes.push({
			g, rect, title, y,
			text: g.querySelector("text"),
			name: title.replace(/ \([^()]*\)$/, ""),
			x: Number(rect.getAttribute("x")),
			w: Number(rect.getAttribute("width")),
			depth: Math.round(Math.abs(y - top) / 16),
			shown: true, left: 0, width: 0, match: false,
		});
	}
	const root = boxes[0], indexOf = new Map(boxes.map((box, i) => [box.g, i]));
	// Where each box's parent is, and where what is above it ends.
	const open = [];
	boxes.forEach((box, i) => {
		while (open.length > box.depth)
			boxes[open.pop()].end = i;
		box.parent = open.length ? open[open.length - 1] : -1;
		open.push(i);
	});
	while (open.length)
		boxes[open.pop()].end = boxes.length;

	// ---- text in boxes: the same as flame_short does ---------------------------------------------------

	const OPERATOR = /^operator(?:\(\)|[<>=\-!+*\/%&|^~,[\]]*)/;
	function stripped(name) {
		let out = "", depth = 0;
		for (let i = 0; i < name.length;) {
			const rest = name.slice(i), word = /[A-Za-z0-9_]$/.test(name.slice(0, i));
			let whole = rest.startsWith("operator") && !word ? OPERATOR.exec(rest)[0] : "", as = whole;
			if (rest.startsWith("(anonymous namespace)")) {
				whole = "(anonymous namespace)";
				as = "(anon)";
			} else if (!whole && rest.startsWith("->")) {
				whole = as = "->";
			}
			if (whole) {
				if (!depth)
					out += as;
				i += whole.length;
				continue;
			}
			const c = name[i++];
			if (c === "<" || c === "(")
				depth++;
			else if (c === ">" || c === ")") {
				if (!depth--)
					return "";
			} else if (!depth)
				out += c;
		}
		return depth ? "" : out.replace(/(.)( const| \[clone).*/, "$1");
	}
	function lastPart(bare) {
		const parts = bare.split(/::(?!\{|$)/), last = parts[parts.length - 1];
		const space = last.lastIndexOf(" ");
		return space >= 0 && space + 1 < last.length && !last.includes("operator") ? last.slice(space + 1) : last;
	}
	function short(name, letters) {
		if (name.length <= letters)
			return name;
		let last = /::|\(|</.test(name) && stripped(name) || name;
		if (last !== name && last.length > letters)
			last = lastPart(last);
		if (last.length <= letters)
			return last;
		return letters < LEAST_TEXT ? "" : last.slice(0, letters - 2) + "..";
	}

	function fit(box) {
		const letters = Math.floor((box.width - 2 * PAD) / letter);
		const label = box.g.classList.contains("rest") ? "\u2026" : box.name;
		const words = letters >= Math.min(LEAST_TEXT, label.length) ? short(label, letters) : "";
		if (!words && !box.text)
			return;
		if (!box.text) {
			box.text = document.createElementNS(SVG, "text");
			box.text.setAttribute("y", box.y + 11.5);
			box.g.append(box.text);
		}
		box.text.setAttribute("x", box.left + PAD);
		box.text.textContent = words;
	}

	// ---- zoom ---------------------------------------------------------------------------------------

	function place(box, left, width) {
		if (!box.shown)
			box.g.classList.remove("hidden");
		box.shown = true;
		if (box.left === left && box.width === width)
			return;
		box.left = left;
		box.width = width;
		box.rect.setAttribute("x", left);
		box.rect.setAttribute("width", width);
		box.g.classList.toggle("n", width < NARROW);
		fit(box);
	}
	function hide(box) {
		if (box.shown)
			box.g.classList.add("hidden");
		box.shown = false;
	}
	function zoom(index) {
		const to = boxes[index], scale = root.w / to.w;
		zoomed = index;
		boxes.forEach((box, i) => {
			const below = i < index && box.end > index;
			box.g.classList.toggle("p", below);
			if (below)
				place(box, root.x, root.w);
			else if (i >= index && i < to.end)
				place(box, root.x + (box.x - to.x) * scale, box.w * scale);
			else
				hide(box);
		});
		reset.classList.toggle("hidden", index === 0);
		remember();
	}

	// ---- search ---------------------------------------------------------------------------------------

	const SIGNS = {0: " ns", 1: " \u00b5s", 2: " ms", 3: " s"};
	function time(ns) {
		let power = 0;
		for (; power < 3 && ns >= 999.95; power++)
			ns /= 1000;
		return (power === 0 ? Math.round(ns) : Number(ns.toPrecision(4))) + SIGNS[power];
	}
	// A term without capitals finds both cases.
	function compile(term) {
		try {
			return new RegExp(term, /[A-Z]/.test(term) ? "" : "i");
		} catch (e) {
			return null;
		}
	}
	// What is found in what is found counts once.
	function find(term) {
		let width = 0, until = 0, n = 0;
		pattern = term ? compile(term) : null;
		if (field)
			field.classList.toggle("bad", Boolean(term) && !pattern);
		boxes.forEach((box, i) => {
			const match = Boolean(pattern) && i > 0 && !box.g.classList.contains("rest") && pattern.test(box.name);
			if (match !== box.match)
				box.g.classList.toggle("match", match);
			box.match = match;
			if (!match)
				return;
			n++;
			if (i >= until) {
				width += box.w;
				until = box.end;
			}
		});
		matched.textContent = !term ? "" : !pattern ? "Not a regular expression" :
			"Matched: " + (100 * width / root.w).toFixed(2) + " % (" + time(total * width / root.w) + ", " +
			n + (n === 1 ? " box)" : " boxes)");
		search.textContent = term ? "Reset search" : "Search";
		frames.dataset.search = term;
		remember();
	}
	function openSearch() {
		if (field) {
			field.focus({preventScroll: true});
			field.select();
			return;
		}
		const width = Math.min(320, root.w / 2), holder = document.createElementNS(SVG, "foreignObject");
		holder.setAttribute("x", root.x + root.w - width);
		holder.setAttribute("y", 34);
		holder.setAttribute("width", width);
		holder.setAttribute("height", 26);
		field = document.createElementNS(XHTML, "input");
		field.type = "text";
		field.id = "term";
		field.spellcheck = false;
		field.placeholder = "function name or regular expression";
		field.setAttribute("aria-label", "Search for functions");
		field.value = frames.dataset.search || "";
		holder.append(field);
		byId("head").append(holder);
		field.addEventListener("input", () => find(field.value));
		field.addEventListener("keydown", (event) => {
			if (event.key === "Enter")
				closeSearch();
			else if (event.key === "Escape") {
				find("");
				closeSearch();
			} else
				return;
			event.preventDefault();
			event.stopPropagation();
		});
		field.focus({preventScroll: true});
	}
	function closeSearch() {
		const holder = field && field.parentNode;
		field = null;
		if (holder)
			holder.remove();
	}
	function toggleSearch() {
		if (frames.dataset.search) {
			find("");
			closeSearch();
		} else
			openSearch();
	}

	// ---- details --------------------------------------------------------------------------------------

	function tell(box) {
		const room = Math.floor(root.w / letter) - (matched.textContent ? matched.textContent.length + 3 : 0);
		const tail = box.title.slice(box.name.length);
		details.textContent = short(box.name, Math.max(LEAST_TEXT, room - tail.length)) + tail;
	}
	function boxAt(target) {
		const g = target.closest ? target.closest("#frames > g") : null;
		return g ? indexOf.get(g) : -1;
	}

	// ---- keyboard: arrows go where they point ------------------------------------------------------------

	function goTo(index) {
		boxes[here].g.classList.remove("here");
		boxes[here].g.removeAttribute("id");
		here = index;
		boxes[here].g.classList.add("here");
		boxes[here].g.id = "here";
		frames.setAttribute("aria-activedescendant", "here");
		tell(boxes[here]);
	}
	const seen = (box) => box.shown && box.width >= 1;
	function aside(step) {
		for (let i = here + step; i > 0 && i < boxes.length; i += step)
			if (boxes[i].depth === boxes[here].depth && seen(boxes[i]))
				return i;
		return here;
	}
	function inward() {
		let best = here;
		for (let i = here + 1; i < boxes[here].end; i++)
			if (boxes[i].parent === here && seen(boxes[i]) && (best === here || boxes[i].w > boxes[best].w))
				best = i;
		return best;
	}
	const outward = () => boxes[here].parent < 0 ? here : boxes[here].parent;
	const keys = {
		ArrowUp: () => goTo(icicle ? outward() : inward()),
		ArrowDown: () => goTo(icicle ? inward() : outward()),
		ArrowLeft: () => goTo(aside(-1)),
		ArrowRight: () => goTo(aside(1)),
		Home: () => goTo(0),
		Enter: () => zoom(here),
		" ": () => zoom(here),
	};

	// ---- what the address remembers: a reload, or a link, shows the same ------------------------------------

	function remember() {
		const parts = [];
		if (zoomed)
			parts.push("zoom=" + zoomed);
		if (frames.dataset.search)
			parts.push("search=" + encodeURIComponent(frames.dataset.search));
		try {
			history.replaceState(null, "", parts.length ? "#" + parts.join("&") : location.pathname + location.search);
		} catch (e) {
			// A picture inside another page has no address of its own.
		}
	}
	function recall() {
		const asked = {};
		for (const part of location.hash.slice(1).split("&")) {
			const at = part.indexOf("=");
			if (at > 0)
				asked[part.slice(0, at)] = part.slice(at + 1);
		}
		const index = Number(asked.zoom || 0);
		let term = "";
		try {
			term = decodeURIComponent(asked.search || "");
		} catch (e) {
			// Not something that we wrote.
		}
		if (Number.isInteger(index) && index > 0 && index < boxes.length)
			zoom(index);
		if (term)
			find(term);
	}

	// ---- a picture that is higher than the window: its head and what it tells stay in sight ---------------------

	const head = byId("head"), foot = byId("foot");
	function stick() {
		const matrix = svg.getScreenCTM(), unit = matrix && matrix.a || 1;
		const view = window.innerHeight / unit, scroll = window.scrollY / unit;
		const headHeight = head.querySelector("rect").height.baseVal.value, rect = foot.querySelector("rect");
		const stuck = svg.height.baseVal.value > view && view > 3 * headHeight;
		const below = rect ? rect.y.baseVal.value + rect.height.baseVal.value : 0;
		head.setAttribute("transform", "translate(0 " + (stuck ? scroll : 0) + ")");
		foot.setAttribute("transform", "translate(0 " + (stuck ? Math.min(0, scroll + view - below) : 0) + ")");
		return stuck;
	}
	// The box between head and foot.
	function reveal(box) {
		const at = box.rect.getBoundingClientRect(), top = head.getBoundingClientRect().bottom;
		const bottom = foot.querySelector("rect") ? foot.getBoundingClientRect().top : window.innerHeight;
		if (at.top < top)
			window.scrollBy(0, at.top - top);
		else if (at.bottom > bottom)
			window.scrollBy(0, at.bottom - bottom);
	}
	window.addEventListener("scroll", stick, {passive: true});
	window.addEventListener("resize", stick);

	// ---- events ---------------------------------------------------------------------------------------

	frames.addEventListener("click", (event) => {
		const index = boxAt(event.target);
		if (index < 0)
			return;
		goTo(index);
		zoom(index);
	});
	frames.addEventListener("mouseover", (event) => {
		const index = boxAt(event.target);
		if (index >= 0)
			tell(boxes[index]);
	});
	frames.addEventListener("mouseout", () => { details.textContent = ""; });
	// Focus by the pointer must not scroll: the click would miss.
	frames.addEventListener("mousedown", (event) => {
		event.preventDefault();
		closeSearch();
		frames.focus({preventScroll: true});
	});
	frames.addEventListener("focus", () => goTo(here));
	frames.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key])
			return;
		event.preventDefault();
		keys[event.key]();
		reveal(boxes[here]);
	});
	function button(element, action) {
		element.setAttribute("tabindex", "0");
		element.setAttribute("role", "button");
		element.addEventListener("click", action);
		element.addEventListener("keydown", (event) => {
			if (event.key === "Enter" || event.key === " ") {
				event.preventDefault();
				action();
			}
		});
	}
	button(reset, () => zoom(0));
	button(search, toggleSearch);
	window.addEventListener("keydown", (event) => {
		const find_key = event.key === "F3" || ((event.ctrlKey || event.metaKey) && event.key === "f");
		if (find_key && !field) { // a second one is the browser's
			event.preventDefault();
			openSearch();
		} else if (event.key === "/" && !field) {
			event.preventDefault();
			openSearch();
		} else if (event.key === "Escape") {
			if (frames.dataset.search)
				find("");
			else
				zoom(0);
		}
	});

	// ---- begin ------------------------------------------------------------------------------------------

	(function measure() {
		const probe = document.createElementNS(SVG, "text");
		probe.textContent = "m".repeat(100);
		svg.append(probe);
		const width = probe.getComputedTextLength() / 100;
		probe.remove();
		if (width > 0)
			letter = width;
	})();
	frames.setAttribute("tabindex", "0");
	frames.setAttribute("role", "tree");
	for (const box of boxes) {
		box.g.setAttribute("role", "treeitem");
		box.g.setAttribute("aria-level", box.depth + 1);
		place(box, box.x, box.w);
	}
	search.classList.remove("hidden");
	frames.dataset.search = "";
	recall();
	if (stick() && !icicle)
		window.scrollTo(0, svg.height.baseVal.value); // to the root
	svg.dataset.ready = "1";
})();
