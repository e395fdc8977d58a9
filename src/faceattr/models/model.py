"""The model: one backbone, one head a task, normalisation inside."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from faceattr._validation import check_choice, check_integer
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models._arguments import check_dropout, check_heads, check_tasks
from faceattr.models._saved import SavedModule
from faceattr.models._start import digest_weights
from faceattr.models.backbones import build_backbone, check_image_size
from faceattr.models.heads import Head, build_head
from faceattr.tasks import Task, TaskSet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from faceattr._requests import ImagesInput
    from faceattr.calibration import Calibration
    from faceattr.faces import Detector
    from faceattr.images import UInt8Image

__all__ = ["Model"]

_log = logging.getLogger(__name__)


class Model(SavedModule):
    """A network that predicts several attributes of a face at once.

    The attributes are appearance as labelled in the training data, never identity.

    Parameters
    ----------
    backbone : str or torch.nn.Module, default "mobilenet_v3_small"
        ``"mobilenet_v3_small"`` (torchvision), any timm model name, or a module with an int
        attribute ``num_features`` that maps float ``(N, 3, H, W)`` to ``(N, num_features)``.
        Images come normalised: by ImageNet's mean and deviation, or by the module's own ``mean``
        and ``std``, three numbers each, of pixels in 0-1.
    tasks : TaskSet, task or iterable of tasks
        What is predicted.
    weights : {"imagenet", None} or path, default "imagenet"
        Published weights (downloaded once), a safetensors file, or the weights as built. A module
        given as backbone keeps its own and wants None.
    heads : mapping of str to str, optional
        The kind of head a task gets where it is not the default, such as ``{"age": "linear"}``.
        Numbers with bounds get "distribution", other numbers "linear", classes "softmax".
    dropout : float, default 0.1
        Share of features dropped before each head in training, in [0, 1).
    image_size : int, default 128
        Side length in pixels at which images are predicted, from 16 to 1024.
    seed : int, default 0
        Seed of the weights that are drawn at random: the heads', and the backbone's where `weights`
        is None. Global random state is neither used nor changed.

    Attributes
    ----------
    tasks : TaskSet
    image_size : int
    num_features : int
        Length of a feature vector.
    heads : torch.nn.ModuleDict
        The heads by task.
    info : dict
        What `fit` and the user tell about the model; saved with it.
    calibration : Calibration or None
        What `predict` applies to its own table; None by default.
    card : str or None
        The model card, Markdown; saved beside the model as ``MODEL_CARD.md``. Training ends it,
        since it was written of other weights.
    licence_text : str or None
        The licence of the weights in full; saved beside the model as ``LICENSE.txt``, and left in
        place by training.

    Raises
    ------
    InvalidArgumentError
        If an argument is outside its limits, or a head does not fit its task.
    WeightsError
        If the weights cannot be had or belong to another network.

    Examples
    --------
    >>> from faceattr import Model, RegressionTask
    >>> model = Model(tasks=RegressionTask("age", bounds=(0, 116)), weights=None, image_size=64)
    >>> model(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))["age"].shape
    torch.Size([2, 117])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: str | nn.Module = "mobilenet_v3_small",
        tasks: TaskSet | Task | list[Task] | None = None,
        *,
        weights: str | Path | None = "imagenet",
        heads: Mapping[str, str] | None = None,
        dropout: float = 0.1,
        image_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.tasks = check_tasks(tasks)
        self.dropout = check_dropout(dropout)
        self.image_size = image_size
        self.head_kinds = check_heads(heads, self.tasks)
        seed = check_integer(seed, "seed", low=0, high=2**63 - 2)
        if isinstance(backbone, nn.Module) and weights == "imagenet":
            weights = None
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            built = build_backbone(backbone, weights, self.image_size)
            # A seed of their own, so that heads do not depend on how many numbers a backbone draws.
            torch.default_generator.manual_seed(seed + 1)
            self.heads = nn.ModuleDict(
                {
                    name: build_head(self.head_kinds[name], task, built.num_features, self.dropout)
                    for name, task in self.tasks.items()
                }
            )
        self.backbone = built.module
        self.backbone_name = built.name
        self.num_features = built.num_features
        self.register_buffer(
            "mean", 255 * torch.tensor(built.mean).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer(
            "std", 255 * torch.tensor(built.std).view(1, 3, 1, 1), persistent=False
        )
        self.info: dict[str, Any] = {}
        self.card: str | None = None
        self.licence_text: str | None = None
        self._started_from: str | None = None
        self._frozen: list[nn.Parameter] | None = None
        self._calibration: Calibration | None = None
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the raw outputs of every head.

        Parameters
        ----------
        images : torch.Tensor of uint8 or float, shape (N, 3, H, W)
            RGB in 0-255, not normalised.

        Returns
        -------
        dict of str to torch.Tensor of shape (N, K)
            K as the task's head has it: 117 for ages 0 to 116, 2 for two classes under softmax.
        """
        features = self.features(images)
        return {name: head(features) for name, head in self.heads.items()}

    def features(self, images: Tensor) -> Tensor:
        """Return the feature vectors ``(N, num_features)`` of images ``(N, 3, H, W)`` in 0-255."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise InvalidArgumentError(
                "not a batch of images",
                argument="images",
                expected="shape (N, 3, H, W)",
                found=str(tuple(images.shape)),
            )
        normalised = (images.to(self.mean.dtype) - self.mean).div_(self.std)
        features: Tensor = self.backbone(normalised.contiguous(memory_format=torch.channels_last))
        return features

    def head(self, task: str) -> Head:
        """Return the head of a task; InvalidArgumentError if the model has none of this name."""
        check_choice(task, "task", list(self.tasks))
        head = self.heads[task]
        if not isinstance(head, Head):
            raise InvalidTypeError("not a head", argument=f"heads[{task!r}]", found=repr(head))
        return head

    def freeze_backbone(self, frozen: bool = True) -> Self:
        """Hold the backbone's weights and batch-norm statistics fixed, or let them go again.

        Weights that were fixed before stay so.
        """
        if frozen and self._frozen is None:
            self._frozen = [p for p in self.backbone.parameters() if p.requires_grad]
        for parameter in self._frozen or []:
            parameter.requires_grad_(not frozen)
        if not frozen:
            self._frozen = None
        return self.train(self.training)

    @property
    def started_from(self) -> str | None:
        """A digest of the weights as they were when it was first asked for, as a training does.

        By it trainings are told apart. None for a module of the user's own, whose weights may be
        drawn anew in every process: that is no other training.
        """
        if self._started_from is None and self.backbone_name is not None:
            self._started_from = digest_weights(self)
        return self._started_from

    @property
    def calibration(self) -> Calibration | None:
        """What `predict` applies to its own table: a `Calibration`, or None.

        It is saved with the model. Training ends it, since it was fitted for other weights.

        Raises
        ------
        InvalidArgumentError
            When set: if it calibrates a task that the model lacks or has with other classes, or
            needs columns that the model's predictions lack, such as a quality metric to group by.
        """
        return self._calibration

    @calibration.setter
    def calibration(self, calibration: Calibration | None) -> None:
        from faceattr.models.calibrated import fit_to_model

        self._calibration = None if calibration is None else fit_to_model(self, calibration)

    @property
    def image_size(self) -> int:
        """Side length in pixels at which images are trained on and predicted.

        It can be set, from 16 to 1024, for a network that takes any size: a training at a small
        size can be followed by a short one at a larger size (Touvron et al. 2019, "Fixing the
        train-test resolution discrepancy", arXiv:1906.06423). Calibration and card end where it
        changes.

        Raises
        ------
        InvalidArgumentError
            When set: if it is out of range, or the network takes no images of this size.
        """
        return self._image_size

    @image_size.setter
    def image_size(self, image_size: int) -> None:
        size = check_integer(image_size, "image_size", low=16, high=1024)
        if size != getattr(self, "_image_size", size):
            check_image_size(self.backbone, self.num_features, size, "image_size")
            if self._calibration is not None:
                _log.warning("the model's calibration ends here: it was fitted at another size")
            self._calibration = self.card = None
        self._image_size = size

    @property
    def backbone_frozen(self) -> bool:
        """Whether `freeze_backbone` holds the backbone."""
        return self._frozen is not None

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.backbone_frozen:
            self.backbone.eval()
        return self

    def predict(
        self,
        inputs: ImagesInput,
        *,
        batch_size: int = 64,
        progress: bool = False,
        faces: Detector | str | Path | None = None,
        runtime: str = "torch",
    ) -> pd.DataFrame:
        """Predict images, in true batches.

        Parameters
        ----------
        inputs : path, folder, array, PIL image, bytes, Dataset, CachedImages, or a sequence
            Arrays are uint8 RGB of shape (H, W, 3), or (N, H, W, 3) for several. Every image is cut
            to its largest centred square and scaled to `image_size`; a log warning names images
            that are plainly no face chips (`faceattr.faces.looks_like_chip`). Of a Dataset, the
            CachedImages that ``ImageCache().open(dataset, model.image_size)`` returns give the same
            table without decoding.
        batch_size : int, default 64
            Images a forward pass.
        progress : bool, default False
            Show a progress bar on stderr.
        faces : FaceDetector, or path, optional
            The images are photos: find the faces in them, warp each to the template and predict it.
            A path is that of a YuNet's ONNX file; see `faceattr.faces`.
        runtime : {"torch", "onnx", "auto"}, default "torch"
            What computes. ``"onnx"`` is ONNX Runtime (the extra ``onnx``): the model is exported in
            memory, which takes seconds, compared with itself, and kept until its weights change.
            ``"auto"`` takes it where it can be had. Predictions differ in the last digits; for many
            calls on single images `export` the model and load it with `from_onnx`.

        Returns
        -------
        pandas.DataFrame
            The predictions table: one row a request, in order. ``sample_id`` (the path relative to
            the folder, the path as given, or ``item-000000`` and up), ``path``, for each task
            ``<task>_pred`` and what its head adds (``_std``, ``_q05``, ``_q95`` in the task's unit;
            ``_prob_<class>`` in 0-1), ``error`` (the reason an image could not be read, empty
            otherwise); of a Dataset also its labels and group columns; with a `calibration` what
            `Calibration.apply` adds. The `error` of an unreadable
            image is filled in and its predictions are missing; the other rows are not affected.

            With `faces` one row a face, ``photo.jpg#0``, ``photo.jpg#1``, ..., in the order of the
            photos and in each from left to right, with ``face`` (its number), ``box_x``, ``box_y``,
            ``box_w``, ``box_h`` (pixels of the upright photo) and ``detector_score`` (0-1); what is
            known of a photo stands on each of its rows. A photo without a face keeps one row with
            its own id and the reason in ``error``.

        Raises
        ------
        InvalidTypeError
            If `inputs` holds something that is no image, path or Dataset.
        DataError
            If a folder holds no image.
        InvalidArgumentError
            If there is no such runtime.
        ModelFileError
            If the file of the face detector is missing, or no YuNet.
        ExportError, MissingDependencyError
            If the runtime is ``"onnx"`` and the model cannot be exported.
        """
        from faceattr.models.export.choosing import choose_runtime
        from faceattr.models.predict import predict

        chosen = choose_runtime(self, runtime)
        return predict(chosen, inputs, batch_size=batch_size, progress=progress, faces=faces)

    def extract_features(
        self, inputs: ImagesInput, *, batch_size: int = 64, progress: bool = False
    ) -> npt.NDArray[np.float32]:
        """Compute the feature vectors of images, for methods other than this model's heads.

        They are what `features` returns for a batch, of images that are read, cut and scaled as
        `predict` does it. They describe appearance and are not to tell who somebody is.

        Parameters
        ----------
        inputs : path, folder, array, PIL image, bytes, Dataset, CachedImages, or a sequence
            As `predict` takes them.
        batch_size : int, default 64
            Images a forward pass.
        progress : bool, default False
            Show a progress bar on stderr.

        Returns
        -------
        numpy.ndarray of float32, shape (n, num_features)
            One row a request, in order; NaN throughout for an image that could not be read.

        Raises
        ------
        InvalidTypeError
            If `inputs` holds something that is no image, path or Dataset.
        DataError
            If a folder holds no image.
        """
        from faceattr.models.torch_runtime import extract_features

        return extract_features(self, inputs, batch_size=batch_size, progress=progress)

    def predict_values(
        self, images: UInt8Image, *, batch_size: int = 64
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Predict images that are at hand at the model's size, without a table.

        Parameters
        ----------
        images : numpy.ndarray of uint8, shape (n, image_size, image_size, 3)
            RGB; they are not scaled.
        batch_size : int, default 64
            Images a forward pass.

        Returns
        -------
        dict of str to numpy.ndarray of float64, shape (n, 1) or (n, classes)
            By task the number in its unit, or the probability of each class: what `predict` has in
            its columns.

        Raises
        ------
        InvalidTypeError
            If the images are of another size or kind.
        """
        from faceattr.models.predict import predict_values
        from faceattr.models.torch_runtime import TorchRuntime

        return predict_values(TorchRuntime(self), images, batch_size)

    def grad_cam(self, images: UInt8Image) -> dict[str, npt.NDArray[np.float32]]:
        """Return which places of the last feature map each output rests on.

        Parameters
        ----------
        images : numpy.ndarray of uint8, shape (N, H, W, 3)
            RGB, at the size at which they are predicted. All go through the network at once.

        Returns
        -------
        dict of str to numpy.ndarray of float32, shape (N, 1, h, w) or (N, classes, h, w)
            By task a map of the predicted number, or of each class's score before they are made
            probabilities. Positive where the place raises it. The sign is kept, where the paper
            sets negative values to 0; the values have no unit.

        Raises
        ------
        InvalidArgumentError
            If the backbone has no last map, as transformers have none.
        InvalidTypeError
            If these are no images, or a head does not tell its `scores`.

        References
        ----------
        Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-Based
        Localization".
        """
        from faceattr.models.grad_cam import grad_cam

        return grad_cam(self, images)
