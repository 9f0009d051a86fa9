# SPDX-License-Identifier: BSD-2-Clause
"""In: colours as the browser computed them. Out: which are too near to each other, for any of four kinds of colour vision, and which
text is not readable on its ground.

Colour vision is simulated in linear RGB with the matrices of Machado, Oliveira and Fernandes (2009), severity 1; distance is CIE76 in
L*a*b*; contrast is that of WCAG 2."""

import itertools
import re

VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
LEAST_DISTANCE = 11  # 2.3 is a difference that can just be seen, side by side
LEAST_STEP = 7       # of neighbours on the scale of a comparison, whose order is known
LEAST_CONTRAST = 4.5

STATES = ("running", "ready", "io", "lock", "sync", "sleep", "memory", "other", "unknown", "mixed")
STEPS = ("less4", "less3", "less2", "less1", "same", "more1", "more2", "more3", "more4")


def linear(colour):
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]


def luminance(colour):
    r, g, b = linear(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def lab(colour, vision):
    rgb = linear(colour)
    r, g, b = (min(1, max(0, sum(m * c for m, c in zip(row, rgb)))) for row in VISION[vision])
    xyz = ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b,
           (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(a, b, vision):
    return sum((p - q) ** 2 for p, q in zip(lab(a, vision), lab(b, vision))) ** 0.5


def over(colour, opacity, ground):
    return [c * opacity + g * (1 - opacity) for c, g in zip(colour, ground)]


def parse(text):
    return [int(c) / 255 for c in re.findall(r"\d+", text)[:3]]


# Boxes of every class, as the page would have them, and what the browser makes of them.
PROBE = """
const frames = document.getElementById("frames"), made = [];
const was = frames.getAttribute("class") || "";
for (const [names, diff] of arguments[0]) {
	frames.setAttribute("class", diff ? "diff" : "");
	const g = document.createElementNS("http://www.w3.org/2000/svg", "g");
	for (const kind of ["rect", "text"])
		g.append(document.createElementNS("http://www.w3.org/2000/svg", kind));
	g.setAttribute("class", names);
	frames.append(g);
	const rect = getComputedStyle(g.children[0]), text = getComputedStyle(g.children[1]);
	made.push([rect.fill, Number(rect.fillOpacity), text.fill]);
	g.remove();
}
frames.setAttribute("class", was);
const page = getComputedStyle(document.querySelector(".page")).fill;
const words = [".title", ".about", "#search", "#note", "#details", ".key text"].map((q) => {
	const e = document.querySelector(q);
	return [q, e ? getComputedStyle(e).fill : ""];
});
return [made, page, words];
"""


def check_page(browser, dark, check):
    theme = "dark" if dark else "light"
    wanted = [(name, variant, False) for name in STATES for variant in ("", " t", " v")]
    wanted += [("base", variant, False) for variant in ("", " v")]
    wanted += [(name, variant, True) for name in STEPS for variant in ("", " t")]
    wanted += [("io match", "", False), ("same match", "", True)]
    made, page, words = browser.script(PROBE, [["f " + name + variant, diff] for name, variant, diff in wanted])
    ground = parse(page)
    check((luminance(ground) < 0.05) == dark, f"{theme}: the page is {page}")
    seen = {}
    for (name, variant, diff), (fill, opacity, text) in zip(wanted, made):
        colour = over(parse(fill), opacity, ground)
        seen[name, variant, diff] = colour
        have = contrast(colour, parse(text))
        check(have >= LEAST_CONTRAST, f"{theme}: text on {name}{variant}: contrast {have:.2f}")
    for query, fill in words:
        if fill:
            have = contrast(ground, parse(fill))
            check(have >= LEAST_CONTRAST, f"{theme}: {query} on the page: contrast {have:.2f}")
    for vision in VISION:
        for variant in ("", " t", " v"):
            for a, b in itertools.combinations(STATES, 2):
                have = distance(seen[a, variant, False], seen[b, variant, False], vision)
                check(have >= LEAST_DISTANCE, f"{theme}, {vision}: {a} and {b}{variant}: {have:.1f}")
        for i, j in itertools.combinations(range(len(STEPS)), 2):
            have = distance(seen[STEPS[i], "", True], seen[STEPS[j], "", True], vision)
            check(have >= LEAST_STEP, f"{theme}, {vision}: {STEPS[i]} and {STEPS[j]}: {have:.1f}")
