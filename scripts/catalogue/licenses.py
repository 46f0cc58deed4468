"""What the licences of published weights allow, in four words."""

from __future__ import annotations

UNKNOWN = "unknown"

# Permissive: any use, with notice at most. Restricted: commercial use, but under the owner's own
# conditions. Non-commercial: research, or no commercial use.
_KINDS = {
    "apache-2.0": "permissive",
    "mit": "permissive",
    "bsd-3-clause": "permissive",
    "cc-by-4.0": "permissive",
    "apple-ascl": "restricted",
    "cvnets-license": "restricted",
    "dinov3-license": "restricted",
    "fastvit-license": "restricted",
    "gemma": "restricted",
    "mobileone-license": "restricted",
    "nvidia-open-model-license": "restricted",
    "qwen-community-1.0": "restricted",
    "sapiens2-license": "restricted",
    "apple-amlr": "non-commercial",
    "cc-by-nc-4.0": "non-commercial",
    "fair-noncommercial-research-license": "non-commercial",
    "seer-license": "non-commercial",
    UNKNOWN: UNKNOWN,
}


def license_kind(license_name: str) -> str:
    """Kind of a licence, by the name that timm gives it.

    Raises
    ------
    LookupError
        If it is a new one; read it, then add it here.
    """
    if license_name not in _KINDS:
        raise LookupError(f"the licence {license_name!r} is not in {__name__}: read it, add it")
    return _KINDS[license_name]
