"""Faces in photos: found, and brought to the template that models expect; no torch."""

from faceattr.faces.alignment import align_face, similarity_transform
from faceattr.faces.cropping import crop_faces
from faceattr.faces.detector import Detector, Face, FaceDetector
from faceattr.faces.fetching import YUNET_SHA256, YUNET_URL, fetch_detector
from faceattr.faces.searching import FACE_COLUMNS, find_faces
from faceattr.faces.template import CROP_TEMPLATE, LANDMARKS, template_points
from faceattr.faces.watching import looks_like_chip

__all__ = [
    "CROP_TEMPLATE",
    "FACE_COLUMNS",
    "LANDMARKS",
    "YUNET_SHA256",
    "YUNET_URL",
    "Detector",
    "Face",
    "FaceDetector",
    "align_face",
    "crop_faces",
    "fetch_detector",
    "find_faces",
    "looks_like_chip",
    "similarity_transform",
    "template_points",
]
