"""Prints the JSON Schema of native documents: `python -m app.documents > docs/slo.schema.json`."""

import json
import sys

from app.documents.native.schema import json_schema

sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
