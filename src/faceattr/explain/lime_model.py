"""LIME: the one file that knows the package lime.

Sampling is ours, and so is the regression where lime's defaults hold, for all outputs at once and
equal to lime's; the package does the rest: selection of features, regressors of one's own, and its
explanation object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.explain.attribution import Attribution
from faceattr.explain.local_model import LinearFit, fit_ridge, proximity
from faceattr.explain.sampling import Masks
from faceattr.explain.scene import FloatArray, Scene
from faceattr.explain.segments import Segments
from faceattr.images import UInt8Image

if TYPE_CHECKING:
    from lime.lime_image import ImageExplanation

__all__ = ["Lime", "lime_explanation"]

_SELECTIONS = ("auto", "none", "forward_selection", "highest_weights", "lasso_path")


@dataclass(frozen=True)
class Lime:
    """LIME: a linear model of what the predictor does when random parts are hidden.

    A part's weight is what showing it adds to the prediction, in the task's unit, as far as a sum
    over parts can tell.

    Parameters
    ----------
    kernel_width : float, default 0.25
        How much less rows count in which more is hidden; lime's default.
    alpha : float, default 1.0
        Strength of the ridge; lime's default.
    num_features : int, optional
        Keep only so many parts, chosen by lime; the others get 0. Done by the package itself, and
        slow.
    feature_selection : str, default "auto"
        How lime chooses them.

    References
    ----------
    Ribeiro, Singh and Guestrin 2016, "Why Should I Trust You?: Explaining the Predictions of Any
    Classifier".

    Examples
    --------
    >>> from faceattr.explain import Lime
    >>> Lime(num_features=5).num_features
    5
    """

    kernel_width: float = 0.25
    alpha: float = 1.0
    num_features: int | None = None
    feature_selection: str = "auto"

    def __call__(self, scene: Scene) -> Attribution:
        """Explain a scene.

        Raises
        ------
        InvalidArgumentError
            If a parameter is outside its limits.
        """
        self._check()
        masks = scene.draw_masks()
        values = scene.predict(masks)
        near = proximity(masks, self.kernel_width)
        fit = self._fit(masks, values, near)
        return Attribution(
            fit.weights,
            intercepts=fit.intercepts,
            r2=fit.r2,
            n_samples=len(masks),
            refit=lambda rows: self._fit(masks[rows], values[rows], near[rows]).weights,
        )

    def _check(self) -> None:
        check_number(self.kernel_width, "kernel_width", low=0, low_open=True)
        check_number(self.alpha, "alpha", low=0, low_open=True)
        check_choice(self.feature_selection, "feature_selection", _SELECTIONS)
        if self.num_features is not None:
            check_integer(self.num_features, "num_features", low=1)

    def _fit(self, masks: Masks, values: FloatArray, near: FloatArray) -> LinearFit:
        if self.num_features is None:
            return fit_ridge(masks, values, near, self.alpha)
        return self._fit_by_package(masks, values, near, self.num_features)

    def _fit_by_package(
        self, masks: Masks, values: FloatArray, near: FloatArray, num_features: int
    ) -> LinearFit:
        from lime.lime_base import LimeBase
        from sklearn.linear_model import Ridge

        # The weights are known already: lime's kernel gives them back as they are.
        base = LimeBase(lambda weights: weights, random_state=0)
        found = LinearFit(
            np.zeros((values.shape[1], masks.shape[1])),
            np.empty(values.shape[1]),
            np.empty(values.shape[1]),
        )
        for column in range(values.shape[1]):
            intercept, pairs, score, _ = base.explain_instance_with_data(
                masks,
                values,
                near,
                column,
                num_features,
                feature_selection=self.feature_selection,
                model_regressor=Ridge(alpha=self.alpha, fit_intercept=True),
            )
            for part, weight in pairs:
                found.weights[column, part] = weight
            found.intercepts[column], found.r2[column] = intercept, score
        constant = np.ptp(values, axis=0) == 0
        return found._replace(r2=np.where(constant, np.nan, found.r2))


def lime_explanation(
    image: UInt8Image, segments: Segments, fit: LinearFit, order: Sequence[int]
) -> ImageExplanation:
    """Return lime's own object: labels are positions among the outputs given.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
    segments : Segments
    fit : LinearFit
        Of K outputs.
    order : sequence of int
        The outputs, the highest prediction first.
    """
    from lime.lime_image import ImageExplanation

    made = ImageExplanation(image.copy(), segments.labels.copy())
    for label, weights in enumerate(fit.weights):
        made.intercept[label] = float(fit.intercepts[label])
        ranked = sorted(enumerate(weights.tolist()), key=lambda pair: abs(pair[1]), reverse=True)
        made.local_exp[label] = ranked
    made.top_labels = list(order)
    # Lime keeps these of the label that it comes to last: that of the lowest rank.
    made.score = float(fit.r2[order[-1]])
    made.local_pred = np.array([fit.intercepts[order[-1]] + fit.weights[order[-1]].sum()])
    return made
