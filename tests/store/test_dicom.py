"""DICOM pictures: windowed, the right way round, and nothing of the patient in them."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medvlsynther.errors import InputError
from medvlsynther.store.pixels import prepare

pydicom = pytest.importorskip("pydicom")


def dicom(values: "np.ndarray[Any, np.dtype[Any]]", kind: str = "MONOCHROME2", **tags: object) -> bytes:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    dataset = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))  # type: ignore[arg-type]
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "12345"
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.SamplesPerPixel = values.shape[2] if values.ndim == 3 else 1
    if values.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = kind
    dataset.BitsAllocated = dataset.BitsStored = values.itemsize * 8
    dataset.HighBit, dataset.PixelRepresentation = values.itemsize * 8 - 1, 0
    dataset.PixelData = values.tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def grey(data: bytes) -> list[int]:
    prepared = prepare(data, long_side_px=384, min_side_px=1)
    assert prepared.notes[0] == "windowed_dicom"
    assert b"Doe" not in prepared.data
    with Image.open(io.BytesIO(prepared.data)) as image:
        return [int(value) for value in np.asarray(image)[0, :, 0]]


RAMP = np.tile(np.arange(0, 4000, 40, dtype=np.uint16), (50, 1))


def test_deep_grey_fills_the_range() -> None:
    row = grey(dicom(RAMP))
    assert (row[0], row[-1]) == (0, 255)
    assert row == sorted(row)


def test_inverted_grey_is_turned_round() -> None:
    row = grey(dicom(RAMP, "MONOCHROME1"))
    assert (row[0], row[-1]) == (255, 0)


def test_the_files_own_window_is_used() -> None:
    row = grey(dicom(RAMP, WindowCenter=1000, WindowWidth=400))
    assert row[10] == 0
    assert row[40] == 255


def test_colour_stays_colour() -> None:
    values = np.zeros((40, 40, 3), np.uint8)
    values[..., 0] = 200
    prepared = prepare(dicom(values, "RGB"), long_side_px=384, min_side_px=1)
    with Image.open(io.BytesIO(prepared.data)) as image:
        assert image.getpixel((5, 5)) == (200, 0, 0)


def test_damage_and_bombs_have_reasons() -> None:
    with pytest.raises(InputError, match="image_corrupt"):
        prepare(dicom(RAMP)[:-3000], long_side_px=384, min_side_px=1)
    with pytest.raises(InputError, match="image_bomb"):
        prepare(dicom(RAMP, Rows=60000, Columns=60000), long_side_px=384, min_side_px=1)
    with pytest.raises(InputError, match="dicom_unsupported"):
        prepare(dicom(RAMP, "PALETTE COLOR"), long_side_px=384, min_side_px=1)
