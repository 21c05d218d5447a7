# Policy for pipelines that evaluate OPA (Harness, Spacelift, conftest): the input is the answer of GET /api/v1/gate.
#   curl -s "$SLOBURN/api/v1/gate?service=checkout" | opa eval -I -d gate.rego data.sloburn.deny
package sloburn

import rego.v1

default allow := false

allow if input.data.decision in {"allow", "warn"}

deny contains sprintf("error budget gate: %s", [input.data.reason]) if input.data.decision == "deny"

# Nothing known is no yes. To let it pass, ask with unknown_passes=true and use `input.data.ok`.
deny contains "error budget gate: nothing is known of this service" if not known

known if input.data.decision in {"allow", "warn", "deny"}

warn contains sprintf("error budget gate: %s", [input.data.reason]) if input.data.decision == "warn"
