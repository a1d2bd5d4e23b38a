"""medvlsynther: audited multiple-choice visual questions from open biomedical literature."""

__version__ = "0.1.0"
