"""Documents of any dialect in another form: native, or OpenSLO.

What is written is read again and compared with what was read first: what differs is said, so that nothing is lost in
silence. Start at `convert.py`.
"""

from app.documents.conversion.convert import Conversion, ConvertedFile, convert_documents
from app.documents.conversion.targets import Target

__all__ = ["Conversion", "ConvertedFile", "Target", "convert_documents"]
