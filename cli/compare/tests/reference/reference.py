#!/usr/bin/env python3
"""The method of hotpoll diff once more, from the same runs: what cli/compare has to agree with.

usage: reference.py runs.txt > expected.txt      one line a function, and the total
       reference.py --special > special.txt      values of special functions

Needs Python alone. Where scipy is installed its special functions are used; else `Plain`, which finds them by other ways than cli/compare does:
by power series and sums where that has continued fractions and expansions. What is checked in was written with scipy.
"""
import itertools
import math
import sys
from statistics import fmean, pvariance, variance

MARGIN, Q, MIN_SHARE, MIN_SAMPLES = 0.05, 0.01, 0.005, 30.0
TOTAL_PART = 0.25
FAMILIES = ("poll", "wake", "lock")


def root(f, low, high):
    """Where a function that falls is zero."""
    for _ in range(400):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return (low + high) / 2


class Plain:
    """Special functions by sums."""
    name = "sums"
    TERMS = 1000

    @staticmethod
    def gammaln(x):
        return math.lgamma(x)

    @classmethod
    def digamma(cls, x):
        far = x + cls.TERMS
        tail = math.log(far) - 1 / (2 * far) - 1 / (12 * far**2)
        return tail - math.fsum(1 / (x + k) for k in range(cls.TERMS))

    @classmethod
    def trigamma(cls, x):
        far = x + cls.TERMS
        tail = 1 / far + 1 / (2 * far**2) + 1 / (6 * far**3)
        return tail + math.fsum(1 / (x + k) ** 2 for k in range(cls.TERMS))

    @staticmethod
    def _lower(x, a, b):
        """I_x(a, b) by its power series, whose terms are all positive."""
        front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        term, total, n = 1.0, 1.0, 0
        while term > total * 1e-17 and n < 1_000_000:
            term *= (a + b + n) / (a + 1 + n) * x
            total += term
            n += 1
        return math.exp(front) * total / a

    @classmethod
    def betainc(cls, a, b, x, y=None):
        """`y` is 1 - x, where that is known better."""
        y = 1 - x if y is None else y
        if x <= 0 or y <= 0:
            return 0.0 if x <= 0 else 1.0
        return cls._lower(x, a, b) if x <= a / (a + b) else 1 - cls._lower(y, b, a)

    @classmethod
    def betaincinv(cls, a, b, p):
        return root(lambda x: p - cls.betainc(a, b, x), 0.0, 1.0)

    @classmethod
    def t_sf(cls, t, degrees):
        if t == 0:
            return 0.5
        square = t * t
        x, y = degrees / (degrees + square), square / (degrees + square)
        tail = cls.betainc(degrees / 2, 0.5, x, y) / 2
        return tail if t > 0 else 1 - tail

    @classmethod
    def t_isf(cls, p, degrees):
        if p == 0.5:
            return 0.0
        if p > 0.5:
            return -cls.t_isf(1 - p, degrees)
        high = 1.0
        while cls.t_sf(high, degrees) > p:
            high *= 2
        return root(lambda t: cls.t_sf(t, degrees) - p, 0.0, high)


def scipy_functions():
    from scipy import special, stats

    class Scipy:
        name = "scipy"
        gammaln = staticmethod(lambda x: float(special.gammaln(x)))
        digamma = staticmethod(lambda x: float(special.digamma(x)))
        trigamma = staticmethod(lambda x: float(special.polygamma(1, x)))
        betainc = staticmethod(lambda a, b, x: float(special.betainc(a, b, x)))
        betaincinv = staticmethod(lambda a, b, p: float(special.betaincinv(a, b, p)))
        t_sf = staticmethod(lambda t, degrees: float(stats.t.sf(t, degrees)))
        t_isf = staticmethod(lambda p, degrees: float(stats.t.isf(p, degrees)))

    return Scipy


try:
    F = scipy_functions()
except ImportError:
    F = Plain


def read(path):
    runs = []
    for line in open(path):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "run":
            runs.append({"side": words[1], "cpu": float(words[2]), "units": float(words[3]), "stacks": [],
                         "poll": {}, "wake": {}, "lock": {}})
        elif words[0] in FAMILIES:
            buckets = [[int(number) for number in word.split(":")] for word in words[4:]]
            runs[-1][words[0]][words[1]] = (int(words[2]), int(words[3]), buckets)
        else:
            runs[-1]["stacks"].append((words[0].split(";"), [int(word) for word in words[1:]]))
    return [r for r in runs if r["side"] == "base"], [r for r in runs if r["side"] == "new"]


def pooled(base, new):
    degrees = len(base) + len(new) - 2
    return (pvariance(base) * len(base) + pvariance(new) * len(new)) / degrees, degrees


def treat(delta, se, degrees, margin):
    return F.t_sf((delta - margin) / se, degrees), F.t_sf((-delta - margin) / se, degrees)


def inverse_trigamma(y):
    return math.exp(root(lambda log: F.trigamma(math.exp(log)) - y, math.log(1e-3), math.log(1e7)))


def fit(rest, dispersed, degrees):
    """limma's fitFDist around variance + dispersed."""
    def moments(own):
        bias = F.digamma(degrees / 2) - math.log(degrees / 2)
        logs = [math.log(r / (own + d)) - bias for r, d in zip(rest, dispersed)]
        beyond = variance(logs) - F.trigamma(degrees / 2)
        prior = min(2 * inverse_trigamma(beyond), 50.0) if beyond > 0 else 50.0
        return fmean(logs) + F.digamma(prior / 2) - math.log(prior / 2), prior
    if moments(0.0)[0] <= 0:
        return 0.0, moments(0.0)[1]
    own = math.exp(root(lambda log: moments(math.exp(log))[0], -20.0, 2.0))
    return own, moments(own)[1]


def permutation(base, new, margin):
    shifted = [value + margin for value in base] + list(new)
    observed = sum(new)
    sums = [sum(deal) for deal in itertools.combinations(shifted, len(new))]
    return fmean(one >= observed - 1e-9 for one in sums)


def adjusted(p_values):
    """Benjamini and Hochberg's, as they wrote it."""
    def one(p):
        larger = [other for other in p_values if other >= p]
        return min(other * len(p_values) / sum(q <= other for q in p_values) for other in larger)
    return [one(p) for p in p_values]


def show(*words):
    print(*(word if isinstance(word, str) else repr(float(word)) for word in words))


def compare(path):
    base, new = read(path)
    runs, split = base + new, len(base)
    margin = math.log1p(MARGIN)
    names = sorted({frame for run in runs for frames, _ in run["stacks"] for frame in frames})
    samples = [sum(sum(counts) for _, counts in run["stacks"]) for run in runs]
    cost = [run["cpu"] / run["units"] for run in runs]
    total = [math.log(value) for value in cost]
    inverse = 1 / split + 1 / len(new)

    common, degrees = pooled(total[:split], total[split:])
    delta = fmean(total[split:]) - fmean(total[:split])
    se = math.sqrt(common * inverse)
    up, down = treat(delta, se, degrees, margin)
    half = F.t_isf(0.025, degrees) * se
    p = up if delta >= 0 else down
    show("total", "total", math.exp(delta), math.exp(delta - half), math.exp(delta + half), p, min(1, p / TOTAL_PART),
         permutation(total[:split], total[split:], margin))

    sides = (slice(0, split), slice(split, len(runs)))

    def of_sides(values):
        """Which sides have it, and the mean of theirs."""
        means = [fmean(values[side]) for side in sides]
        having = [side for side in (0, 1) if means[side] > 0]
        return having, fmean(means[side] for side in having)

    def spread(values, having):
        """The variance between runs of a side, of those that have it."""
        if having == [0, 1]:
            return pooled(values[sides[0]], values[sides[1]])
        side = values[sides[having[0]]]
        return variance(side), len(side) - 1

    whole = fmean(cost)
    found = {"cpu": []}
    rows = []
    for name in names:
        counts, slices = [], []
        for run in runs:
            length = len(run["stacks"][0][1])
            stacks = [c for frames, c in run["stacks"] if name in frames]
            counts.append([sum(c[at] for c in stacks) for at in range(length)])
            slices.append([sum(c[at] for _, c in run["stacks"]) for at in range(length)])
        share = [sum(c) / n for c, n in zip(counts, samples)]
        having, there = of_sides(share)
        if there < MIN_SHARE or there * fmean(samples) < MIN_SAMPLES:
            continue
        chi, free = 0.0, 0
        for count, all_of_it, part in zip(counts, slices, share):
            if 0 < part < 1:
                chi += sum((c - part * n) ** 2 / (n * part * (1 - part)) for c, n in zip(count, all_of_it))
                free += len(all_of_it) - 1
        phi = max(1.0, chi / free) if free else 1.0
        logs = [math.log((part * n + 0.5) / (n + 1)) + math.log(c) for part, n, c in zip(share, samples, cost)]
        centre = [fmean(total[side]) for side in sides]
        alone = [log - (value - centre[at >= split]) for at, (log, value) in enumerate(zip(logs, total))]
        each = [(1 - part) / (part * n + 0.5) for part, n in zip(share, samples)]
        sampling = fmean(each) if having == [0, 1] else fmean(each[sides[having[0]]])
        costs = [part * c for part, c in zip(share, cost)]
        rows.append((name, having, logs, costs, spread(logs, having), spread(alone, having)[0], sampling, sampling * phi, fmean(share)))
    usable = [row for row in rows if row[1] == [0, 1] and row[5] > 1e-10 and row[8] <= 0.9]
    own_variance, prior = fit([row[5] for row in usable], [row[7] for row in usable], degrees)
    for name, having, logs, costs, (between, free), _, sampling, dispersed, _ in rows:
        own = own_variance + dispersed
        expected = common + own
        worth = expected**2 / (common**2 / degrees + own**2 / prior)
        value = max((worth * expected + free * between) / (worth + free), sampling, 1e-10)
        free = worth + free * (1 - (common / expected) ** 2)
        found["cpu"].append(judge(name, having, logs, costs, value, free, sides, margin, MARGIN * whole))

    for family in FAMILIES:
        rows = []
        for name in sorted({name for run in runs for name in run[family]}):
            cells = [run[family].get(name, (0, 0, [])) for run in runs]
            events, ns = [cell[0] for cell in cells], [cell[1] for cell in cells]
            having, seen = of_sides(events)
            _, part = of_sides([n / run["cpu"] for n, run in zip(ns, runs)])
            if part < MIN_SHARE or seen < MIN_SAMPLES:
                continue
            half = 0.5 * sum(ns) / sum(events)
            logs = [math.log((n + half) / run["units"]) for n, run in zip(ns, runs)]
            costs = [n / run["units"] for n, run in zip(ns, runs)]
            middles = [(0.5 * (bound(bucket) + bound(bucket + 1)), n) for cell in cells for bucket, n in cell[2]]
            first = sum(n * middle for middle, n in middles)
            second = sum(n * middle**2 for middle, n in middles)
            sampling = sum(n for _, n in middles) * second / first**2 / seen
            rows.append((name, having, logs, costs, spread(logs, having), sampling))
        both = [row for row in rows if row[1] == [0, 1] and row[4][0] > 1e-10]
        own_variance, prior = 0.0, 0.0
        if len(both) >= 3:
            own_variance, prior = fit([row[4][0] for row in both], [row[5] for row in both], degrees)
        prior = min(prior, degrees)
        found[family] = []
        for name, having, logs, costs, (between, free), sampling in rows:
            value = max(between, sampling)
            if prior > 0:
                value = max((prior * (own_variance + sampling) + free * between) / (prior + free), sampling)
            found[family].append(judge(name, having, logs, costs, value, prior + free, sides, margin, MARGIN * whole))

    tests = sum(len(tested) for tested in found.values())
    for family, tested in found.items():
        q_values = [adjusted([test[4 + side] for test in tested]) for side in (0, 1)]
        share = (1 - TOTAL_PART) * len(tested) / tests
        for at, (name, ratio, low, high, up, down, falls) in enumerate(tested):
            show(family, name, ratio, low, high, (up, down)[falls], min(1, q_values[falls][at] / share))


def bound(bucket):
    """Where a bucket begins: four an octave from 64 ns to 137 s."""
    bucket = min(bucket, 125)
    return 2 ** (6 + (bucket - 1) // 4) * (1 + (bucket - 1) % 4 / 4) if bucket else 0


def judge(name, having, logs, costs, value, free, sides, margin, least):
    """Name, ratio, interval, the chances of so large a rise and fall, and whether it is one. What one side alone has is held against `least`, as a cost."""
    runs = [len(logs[side]) for side in sides]
    if having == [0, 1]:
        delta = fmean(logs[sides[1]]) - fmean(logs[sides[0]])
        se = math.sqrt(value * (1 / runs[0] + 1 / runs[1]))
        half = F.t_isf(0.025, free) * se
        return name, math.exp(delta), math.exp(delta - half), math.exp(delta + half), *treat(delta, se, free, margin), int(delta < 0)
    side = having[0]
    cost = fmean(costs[sides[side]])
    se = math.sqrt(value / runs[side])
    half = math.exp(F.t_isf(0.025, free) * se)
    p = F.t_sf(math.log(cost / least) / se, free)
    if side:
        return name, math.nan, cost / half, cost * half, p, 1.0, 0
    return name, math.nan, -cost * half, -cost / half, 1.0, p, 1


def values():
    for x in (0.1, 0.5, 1.0, 1.5, 4.0, 10.5, 123.4, 5e4):
        show("ln_gamma", x, F.gammaln(x))
        show("digamma", x, F.digamma(x))
        show("trigamma", x, F.trigamma(x))
    for y in (1e-3, 0.05, 0.3, 1.0, 7.0, 400.0):
        show("inverse_trigamma", y, inverse_trigamma(y))
    for a, b in ((0.5, 0.5), (1, 3), (4, 0.5), (25, 0.5), (30, 900), (5e4, 4.9e4)):
        for x in (0.001, 0.02, 0.3, 0.5, 0.505, 0.9, 0.999):
            show("beta", x, a, b, F.betainc(a, b, x))
        for p in (1e-6, 0.025, 0.5, 0.975):
            show("beta_quantile", p, a, b, F.betaincinv(a, b, p))
    for degrees in (1, 2, 4, 8, 16.7, 58, 108):
        for t in (-3.0, -0.2, 0.0, 0.7, 2.0, 5.5, 20.0):
            show("t_tail", t, degrees, F.t_sf(t, degrees))
        for p in (1e-9, 1e-4, 0.025, 0.2, 0.5, 0.8):
            show("t_quantile", p, degrees, F.t_isf(p, degrees))
    for events, trials in ((0, 20), (1, 10), (37, 100), (100, 100), (1500, 3100)):
        low = F.betaincinv(events, trials - events + 1, 0.025) if events else 0.0
        high = F.betaincinv(events + 1, trials - events, 0.975) if events < trials else 1.0
        show("binomial_low", events, trials, low)
        show("binomial_high", events, trials, high)


print(F.name, file=sys.stderr)
if sys.argv[1:] == ["--special"]:
    values()
else:
    compare(sys.argv[1])
