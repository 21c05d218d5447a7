"""Prints the JSON Schema of native documents: `python -m app.documents > docs/slo.schema.json`.

With `policies` that of files of policies: `python -m app.documents policies > docs/policies.schema.json`.
"""

import json
import sys

from app.documents.native.schema import json_schema, policies_schema

schema = policies_schema() if sys.argv[1:] == ["policies"] else json_schema()
sys.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
