"""A DICOM file as a plain picture; of its header only what the pixels need is read, and nothing of it is kept."""

import io
import struct
import warnings

import numpy as np
from PIL import Image

from medvlsynther.errors import InputError

_PREAMBLE_BYTES = 128
_GREY = ("MONOCHROME1", "MONOCHROME2")


def is_dicom(data: bytes) -> bool:
    """True for the bytes of a DICOM part-10 file."""
    return data[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM"


def decode(data: bytes, pixels_limit: int) -> Image.Image:
    """The first frame, rescaled and windowed as the file says, in mode L or RGB.

    Raises: InputError with dicom_unsupported (no reader for it), image_bomb, image_corrupt.
    """
    try:
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError
        from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
        from pydicom.pixels.utils import pixel_array
    except ImportError:
        raise InputError("dicom_unsupported", "pip install 'medvlsynther[dicom]'") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values in fields that no pixel depends on
            dataset = dcmread(io.BytesIO(data))
            rows, columns, kind = int(dataset.Rows), int(dataset.Columns), str(dataset.PhotometricInterpretation)
            if rows * columns > pixels_limit:
                raise InputError("image_bomb", f"{columns} x {rows} px; the limit is {pixels_limit} px")
            frame = pixel_array(dataset, index=0)
            if frame.ndim == 3 and frame.dtype == np.uint8:
                return Image.fromarray(np.ascontiguousarray(frame[..., :3]))
            if frame.ndim != 2 or kind not in _GREY:
                raise InputError("dicom_unsupported", f"{kind} of type {frame.dtype}")
            shown = apply_voi_lut(apply_modality_lut(frame, dataset), dataset).astype(np.float64)
    except (NotImplementedError, RuntimeError) as error:
        raise InputError("dicom_unsupported", str(error)) from None
    except (
        InvalidDicomError, AttributeError, ValueError, TypeError, KeyError, IndexError, OSError, EOFError,
        ArithmeticError, MemoryError, struct.error,
    ) as error:  # fmt: skip
        raise InputError("image_corrupt", f"{type(error).__name__}: {error}") from None
    low, high = float(shown.min()), float(shown.max())
    scaled = (shown - low) * (255.0 / max(high - low, 1e-9))
    if kind == "MONOCHROME1":
        scaled = 255.0 - scaled
    return Image.fromarray(np.round(scaled).astype(np.uint8))
