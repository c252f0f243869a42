"""Standard scaling and the quantile transform to a normal distribution, equal to scikit-learn's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Parameters

# scikit-learn's distance from the ends of the training range within which a value counts as beyond it
BOUND: Final = 1e-7
# ... and the probability that such a value gets
SMALLEST_PROBABILITY: Final = BOUND - np.spacing(1)


@dataclass(frozen=True)
class Standardize:
    """``(X - mean) / scale``, column by column."""

    mean: Floats
    scale: Floats

    @property
    def width(self) -> int:
        """The number of columns that come out."""
        return len(self.mean)

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Standardize:
        """Read the stage from a model's parameters."""
        scale = parameters.array("scale", (width,))
        if not (scale > 0).all():
            raise ArtifactError(f"The stage {parameters.kind!r} has a scale that is not above 0.")
        return cls(parameters.array("mean", (width,)), scale)

    def __call__(self, X: Floats) -> Floats:
        """Return the scaled columns, (n, k)."""
        return (X - self.mean) / self.scale


@dataclass(frozen=True)
class Clip:
    """Every value kept within ±`limit`."""

    limit: float
    width: int

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> Clip:
        """Read the stage from a model's parameters."""
        limit = parameters.number("limit")
        if limit <= 0:
            raise ArtifactError(f"'limit' of the stage {parameters.kind!r} is {limit}; it must be above 0.")
        return cls(limit, width)

    def __call__(self, X: Floats) -> Floats:
        """Return the clipped columns, (n, k)."""
        return np.clip(X, -self.limit, self.limit)


class QuantileNormal:
    """The normal score of each value's place among the training quantiles of its column.

    Parameters
    ----------
    quantiles
        (q, k): the training quantiles of each column, never falling.
    references
        (q,): the probabilities that they are quantiles of, rising from 0 to 1.
    """

    def __init__(self, quantiles: Floats, references: Floats) -> None:
        count, self.width = quantiles.shape
        self._lowest, self._highest = quantiles[0], quantiles[-1]
        # The search doubles its steps, so each column is padded to a power of two, with infinities
        size = 1 << count.bit_length()
        self._steps = [1 << bit for bit in reversed(range(count.bit_length()))]
        self._columns = np.arange(self.width) * size
        padding = ((0, 0), (0, size - count))
        values = quantiles.T
        self._quantiles = np.pad(values, padding, constant_values=np.inf).ravel()
        # For each quantile: the next one, the references of both, the slope between them
        following = np.minimum(np.arange(count) + 1, count - 1)
        self._next = np.pad(values[:, following], padding).ravel()
        self._low = np.pad(np.tile(references, (self.width, 1)), padding).ravel()
        self._high = np.pad(np.tile(references[following], (self.width, 1)), padding).ravel()
        gap = values[:, following] - values
        rise = references[following] - references
        # two subnormal neighbours can lie so close that the slope is beyond float64
        with np.errstate(over="ignore"):
            slope = np.divide(rise, gap, out=np.zeros_like(gap), where=gap > 0)
        self._slope = np.pad(np.minimum(slope, np.finfo(np.float64).max), padding).ravel()
        # ... and, for a value that is itself a quantile, maybe several, the mean of the outer references
        first = np.stack([np.searchsorted(column, column, side="left") for column in values])
        self._tied = np.pad(0.5 * (references + references[first]), padding).ravel()

    @classmethod
    def build(cls, parameters: Parameters, width: int) -> QuantileNormal:
        """Read the stage from a model's parameters."""
        quantiles = parameters.array("quantiles", (None, width))
        references = parameters.array("references", (len(quantiles),))
        if (np.diff(quantiles, axis=0) < 0).any() or (np.diff(references) <= 0).any():
            raise ArtifactError(f"The stage {parameters.kind!r} has quantiles that are out of order.")
        return cls(quantiles, references)

    def __call__(self, X: Floats) -> Floats:
        """Return the normal scores, (n, k), within ±5.2."""
        inner = np.clip(X, self._lowest, self._highest)
        # `place` ends as the number of quantiles that are not above the value, by binary search
        place = np.broadcast_to(self._columns, X.shape).copy()
        for step in self._steps:
            place += step * (self._quantiles[place + (step - 1)] <= inner)
        place = np.maximum(place - 1, self._columns)
        # Interpolated from both ends of the segment and averaged, as scikit-learn does
        slope, left = self._slope[place], self._quantiles[place]
        from_left = slope * (inner - left) + self._low[place]
        from_right = slope * (inner - self._next[place]) + self._high[place]
        probabilities = np.where(left == inner, self._tied[place], 0.5 * (from_left + from_right))
        probabilities = np.where(self._highest < X + BOUND, 1.0, probabilities)
        probabilities = np.where(self._lowest > X - BOUND, 0.0, probabilities)
        return normal_quantile(np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))


# Rational approximations of the normal quantile function, highest power first: algorithm AS 241 of
# M. J. Wichura, "The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988),
# 477 to 484; relative error about 1e-16.
_CENTRE_NUMERATOR: Final = (
    2509.0809287301226727,
    33430.575583588128105,
    67265.770927008700853,
    45921.953931549871457,
    13731.693765509461125,
    1971.5909503065514427,
    133.14166789178437745,
    3.387132872796366608,
)
_CENTRE_DENOMINATOR: Final = (
    5226.495278852854561,
    28729.085735721942674,
    39307.89580009271061,
    21213.794301586595867,
    5394.1960214247511077,
    687.1870074920579083,
    42.313330701600911252,
    1.0,
)
_TAIL_NUMERATOR: Final = (
    7.7454501427834140764e-4,
    0.0227238449892691845833,
    0.24178072517745061177,
    1.27045825245236838258,
    3.64784832476320460504,
    5.7694972214606914055,
    4.6303378461565452959,
    1.42343711074968357734,
)
_TAIL_DENOMINATOR: Final = (
    1.05075007164441684324e-9,
    5.475938084995344946e-4,
    0.0151986665636164571966,
    0.14810397642748007459,
    0.68976733498510000455,
    1.6763848301838038494,
    2.05319162663775882187,
    1.0,
)


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += coefficient
    return result


def normal_quantile(p: Floats) -> Floats:
    """Return the standard normal quantiles of probabilities between 1.4e-11 and 1 - 1.4e-11."""
    centred = p - 0.5
    x = 0.180625 - centred * centred
    scores = centred * _polynomial(_CENTRE_NUMERATOR, x) / _polynomial(_CENTRE_DENOMINATOR, x)
    tail = np.abs(centred) > 0.425
    if tail.any():
        q = p[tail]
        r = np.sqrt(-np.log(np.minimum(q, 1 - q))) - 1.6
        size = _polynomial(_TAIL_NUMERATOR, r) / _polynomial(_TAIL_DENOMINATOR, r)
        scores[tail] = np.copysign(size, q - 0.5)
    return scores
