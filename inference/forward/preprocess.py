"""Standard scaling, clipping and the quantile transform to a normal distribution, as in scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.errors import ArtifactError
from inference.forward.stage import Floats, Parameters

# As in scikit-learn: values this close to the ends of the training range count as outside of it,
BOUND: Final = 1e-7
# and get this probability.
SMALLEST_PROBABILITY: Final = BOUND - np.spacing(1)


@dataclass(frozen=True)
class Standardize:
    """``(X - mean) / scale``, column by column."""

    mean: Floats
    scale: Floats

    @property
    def width(self) -> int:
        """The number of output columns."""
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
    """Clips every value to ±`limit`."""

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
    """Maps each value to its normal score by the training quantiles of its column.

    Parameters
    ----------
    quantiles
        (q, k): the training quantiles of each column, in ascending order.
    references
        (q,): the probabilities of the quantiles, rising from 0 to 1.
    """

    def __init__(self, quantiles: Floats, references: Floats) -> None:
        count, self.width = quantiles.shape
        self._lowest, self._highest = quantiles[0], quantiles[-1]
        # A value's segment begins at the last quantile that is not above it. A binary search finds it, so
        # each column is padded to a power of two.
        bits = (count - 1).bit_length()
        size = 1 << bits
        self._columns = np.arange(self.width) * size
        values = quantiles.T

        def padded(segments: Floats, fill: float = 0.0) -> Floats:
            missing = ((0, 0), (0, size - segments.shape[1]))
            return np.pad(segments, missing, constant_values=fill).ravel()

        ends = padded(values[:, 1:], np.inf)
        self._ends = [(step, ends[step - 1 :]) for step in (1 << bit for bit in reversed(range(bits)))]
        gap = np.diff(values, append=values[:, -1:])
        rise = np.diff(references, append=references[-1])
        # The slope between two very close subnormal numbers can overflow.
        with np.errstate(over="ignore"):
            slope = np.divide(rise, gap, out=np.zeros_like(gap), where=gap > 0)
        self._slope = padded(np.minimum(slope, np.finfo(np.float64).max))
        self._start = padded(values)
        self._low = padded(np.tile(references, (self.width, 1)))
        # A value that equals several quantiles gets the mean of the first and the last reference.
        first = np.stack([np.searchsorted(column, column, side="left") for column in values])
        self._tied = padded(0.5 * (references + references[first]))

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
        segment = np.repeat(self._columns[None], len(X), axis=0)
        for step, ends in self._ends:
            segment += step * (ends.take(segment) <= X)
        start = self._start.take(segment)
        # Outside the training range these values are meaningless; they are replaced below.
        with np.errstate(over="ignore", invalid="ignore"):
            probabilities = self._slope.take(segment) * (X - start)
            probabilities += self._low.take(segment)
        probabilities = np.where(start == X, self._tied.take(segment), probabilities)
        probabilities = np.where(self._highest < X + BOUND, 1.0, probabilities)
        probabilities = np.where(self._lowest > X - BOUND, 0.0, probabilities)
        np.maximum(probabilities, SMALLEST_PROBABILITY, out=probabilities)
        np.minimum(probabilities, 1 - SMALLEST_PROBABILITY, out=probabilities)
        return normal_quantile(probabilities)


# Rational approximations of the normal quantile function: algorithm AS 241 of M. J. Wichura, "The Percentage
# Points of the Normal Distribution", Applied Statistics 37 (1988), 477 to 484; relative error about 1e-16.
# Each line has the coefficients of one power in numerator and denominator, from the seventh power down.
_CENTRE: Final = np.array(
    (
        (2509.0809287301226727, 5226.495278852854561),
        (33430.575583588128105, 28729.085735721942674),
        (67265.770927008700853, 39307.89580009271061),
        (45921.953931549871457, 21213.794301586595867),
        (13731.693765509461125, 5394.1960214247511077),
        (1971.5909503065514427, 687.1870074920579083),
        (133.14166789178437745, 42.313330701600911252),
        (3.387132872796366608, 1.0),
    )
).T
_TAIL: Final = np.array(
    (
        (7.7454501427834140764e-4, 1.05075007164441684324e-9),
        (0.0227238449892691845833, 5.475938084995344946e-4),
        (0.24178072517745061177, 0.0151986665636164571966),
        (1.27045825245236838258, 0.14810397642748007459),
        (3.64784832476320460504, 0.68976733498510000455),
        (5.7694972214606914055, 1.6763848301838038494),
        (4.6303378461565452959, 2.05319162663775882187),
        (1.42343711074968357734, 1.0),
    )
).T


def _rational(coefficients: Floats, x: Floats) -> Floats:
    # One matrix product needs fewer calls than Horner's scheme. It is just as accurate, because x and all
    # coefficients are positive.
    powers = np.empty((7, len(x)))
    powers[6] = x
    np.multiply(x, x, out=powers[5])
    np.multiply(powers[5:], powers[5], out=powers[3:5])
    np.multiply(powers[4:], powers[3], out=powers[:3])
    numerator, denominator = coefficients[:, :7] @ powers + coefficients[:, 7:]
    quotient: Floats = numerator / denominator
    return quotient


def normal_quantile(p: Floats) -> Floats:
    """Return the standard normal quantiles of probabilities between 1.4e-11 and 1 - 1.4e-11."""
    q = p.ravel()
    centred = q - 0.5
    scores = centred * _rational(_CENTRE, 0.180625 - centred * centred)
    tail = np.flatnonzero(np.abs(centred) > 0.425)
    if len(tail):
        q, centred = q.take(tail), centred.take(tail)
        size = _rational(_TAIL, np.sqrt(-np.log(np.minimum(q, 1 - q))) - 1.6)
        scores[tail] = np.copysign(size, centred)
    return scores.reshape(p.shape)
