#!/usr/bin/env python3
"""The method of hotpoll diff once more, with numpy and scipy, from the same runs: what cli/compare has to agree with.

usage: reference.py runs.txt > expected.txt      one line a function, and the total
       reference.py --special > special.txt      values of special functions
"""
import itertools
import math
import sys

import numpy as np
from scipy import optimize, special, stats

MARGIN, Q, MIN_SHARE, MIN_SAMPLES = 0.05, 0.01, 0.005, 30.0
TOTAL_PART = 0.25


def read(path):
    runs = []
    for line in open(path):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "run":
            runs.append({"side": words[1], "cpu": float(words[2]), "units": float(words[3]), "stacks": []})
        else:
            counts = np.array([int(word) for word in words[1:]])
            runs[-1]["stacks"].append((words[0].split(";"), counts))
    return [r for r in runs if r["side"] == "base"], [r for r in runs if r["side"] == "new"]


def pooled(base, new):
    degrees = len(base) + len(new) - 2
    return (np.var(base) * len(base) + np.var(new) * len(new)) / degrees, degrees


def treat(delta, se, degrees, margin):
    return stats.t.sf((delta - margin) / se, degrees), stats.t.sf((-delta - margin) / se, degrees)


def inverse_trigamma(y):
    return optimize.brentq(lambda x: special.polygamma(1, x) - y, 1e-3, 1e7, xtol=1e-13)


def fit(rest, dispersed, degrees):
    """limma's fitFDist around variance + dispersed."""
    def moments(variance):
        logs = np.log(rest / (variance + dispersed)) - special.digamma(degrees / 2) + math.log(degrees / 2)
        beyond = np.var(logs, ddof=1) - special.polygamma(1, degrees / 2)
        prior = min(2 * inverse_trigamma(beyond), 50.0) if beyond > 0 else 50.0
        return logs.mean() + special.digamma(prior / 2) - math.log(prior / 2), prior
    if moments(0.0)[0] <= 0:
        return 0.0, moments(0.0)[1]
    root = optimize.brentq(lambda log: moments(math.exp(log))[0], -20, 2, xtol=1e-13)
    return math.exp(root), moments(math.exp(root))[1]


def permutation(base, new, margin):
    shifted = np.concatenate([base + margin, new])
    observed = new.sum()
    sums = [sum(deal) for deal in itertools.combinations(shifted, len(new))]
    return np.mean(np.array(sums) >= observed - 1e-9)


def compare(path):
    base, new = read(path)
    runs, split = base + new, len(base)
    margin = math.log1p(MARGIN)
    names = sorted({frame for run in runs for frames, _ in run["stacks"] for frame in frames})
    samples = np.array([sum(c.sum() for _, c in run["stacks"]) for run in runs], float)
    cost = np.array([run["cpu"] / run["units"] for run in runs])
    total = np.log(cost)
    inverse = 1 / split + 1 / len(new)

    common, degrees = pooled(total[:split], total[split:])
    delta = total[split:].mean() - total[:split].mean()
    se = math.sqrt(common * inverse)
    up, down = treat(delta, se, degrees, margin)
    half = stats.t.ppf(0.975, degrees) * se
    p = up if delta >= 0 else down
    print("total", *(repr(float(x)) for x in (math.exp(delta), math.exp(delta - half), math.exp(delta + half), p,
          min(1, p / TOTAL_PART), permutation(total[:split], total[split:], margin))))

    rows = []
    for name in names:
        counts = [sum((c for frames, c in run["stacks"] if name in frames), np.zeros(1)) for run in runs]
        slices = [sum(c for _, c in run["stacks"]) for run in runs]
        share = np.array([c.sum() for c in counts]) / samples
        if share.mean() < MIN_SHARE or share.mean() * samples.mean() < MIN_SAMPLES:
            continue
        chi, free = 0.0, 0
        for c, n, p in zip(counts, slices, share):
            if 0 < p < 1:
                chi += np.sum((c - p * n) ** 2 / (n * p * (1 - p)))
                free += len(n) - 1
        phi = max(1.0, chi / free) if free else 1.0
        logs = np.log((share * samples + 0.5) / (samples + 1)) + np.log(cost)
        between, _ = pooled(logs[:split], logs[split:])
        rest, _ = pooled((logs - total)[:split], (logs - total)[split:])
        sampling = np.mean((1 - share) / (share * samples + 0.5))
        rows.append((name, logs, between, rest, sampling, sampling * phi, share.mean()))
    usable = [row for row in rows if row[3] > 1e-10 and row[6] <= 0.9]
    variance, prior = fit(np.array([r[3] for r in usable]), np.array([r[5] for r in usable]), degrees)

    tested = []
    for name, logs, between, rest, sampling, dispersed, _ in rows:
        own = variance + dispersed
        expected = common + own
        worth = expected**2 / (common**2 / degrees + own**2 / prior)
        value = max((worth * expected + degrees * between) / (worth + degrees), sampling, 1e-10)
        free = worth + degrees * (1 - (common / expected) ** 2)
        delta = logs[split:].mean() - logs[:split].mean()
        se = math.sqrt(value * inverse)
        half = stats.t.ppf(0.975, free) * se
        tested.append((name, delta, half, *treat(delta, se, free, margin)))
    adjusted = [stats.false_discovery_control([t[at] for t in tested]) for at in (3, 4)]
    for at, (name, delta, half, up, down) in enumerate(tested):
        side = 0 if delta >= 0 else 1
        q = min(1, adjusted[side][at] / (1 - TOTAL_PART))
        print(name, *(repr(float(x)) for x in (math.exp(delta), math.exp(delta - half), math.exp(delta + half),
              (up, down)[side], q)))


def values():
    def show(name, value, *arguments):
        print(name, *(repr(float(x)) for x in (*arguments, value)))
    for x in (0.1, 0.5, 1.0, 1.5, 4.0, 10.5, 123.4, 5e4):
        show("ln_gamma", special.gammaln(x), x)
        show("digamma", special.digamma(x), x)
        show("trigamma", special.polygamma(1, x), x)
    for y in (1e-3, 0.05, 0.3, 1.0, 7.0, 400.0):
        show("inverse_trigamma", inverse_trigamma(y), y)
    for a, b in ((0.5, 0.5), (1, 3), (4, 0.5), (25, 0.5), (30, 900), (5e4, 4.9e4)):
        for x in (0.001, 0.02, 0.3, 0.5, 0.505, 0.9, 0.999):
            show("beta", special.betainc(a, b, x), x, a, b)
        for p in (1e-6, 0.025, 0.5, 0.975):
            show("beta_quantile", special.betaincinv(a, b, p), p, a, b)
    for degrees in (1, 2, 4, 8, 16.7, 58, 108):
        for t in (-3.0, -0.2, 0.0, 0.7, 2.0, 5.5, 20.0):
            show("t_tail", stats.t.sf(t, degrees), t, degrees)
        for p in (1e-9, 1e-4, 0.025, 0.2, 0.5, 0.8):
            show("t_quantile", stats.t.isf(p, degrees), p, degrees)
    for events, all in ((0, 20), (1, 10), (37, 100), (100, 100), (1500, 3100)):
        low = stats.beta.ppf(0.025, events, all - events + 1) if events else 0.0
        high = stats.beta.ppf(0.975, events + 1, all - events) if events < all else 1.0
        show("binomial_low", low, events, all)
        show("binomial_high", high, events, all)


if sys.argv[1:] == ["--special"]:
    values()
else:
    compare(sys.argv[1])
