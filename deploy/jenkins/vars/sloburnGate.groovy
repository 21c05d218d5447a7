// A step of a shared library: `sloburnGate service: 'checkout', environment: 'prod', change: 'feature'`.
// Fails the build on deny; on unknown it becomes unstable, or fails with `unknownFails: true`. Needs `sloburn` on the agent, or
// an agent with the image of Sloburn.
def call(Map config) {
  if (!config.service) { error('sloburnGate: service is missing') }
  int code = 0
  withEnv([
    "GATE_URL=${config.url ?: 'http://sloburn.sloburn.svc:9720'}",
    "GATE_SERVICE=${config.service}",
    "GATE_ENVIRONMENT=${config.environment ?: 'prod'}",
    "GATE_CHANGE=${config.change ?: 'feature'}",
    "GATE_WAIT=${config.wait ?: '1s'}",
  ]) {
    code = sh(returnStatus: true, label: 'error budget gate', script: '''
      sloburn gate --url "$GATE_URL" --service "$GATE_SERVICE" --environment "$GATE_ENVIRONMENT" \\
        --change "$GATE_CHANGE" --wait "$GATE_WAIT" --caller jenkins --junit sloburn-gate.xml
    ''')
  }
  // Deny is a failed test case there, unknown one with an error.
  junit(testResults: 'sloburn-gate.xml', allowEmptyResults: true, skipMarkingBuildUnstable: true)
  switch (code) {
    case 0: break
    case 2: config.unknownFails ? error('error budget gate: unknown') : unstable('error budget gate: unknown'); break
    case 1: error('error budget gate: denied'); break
    default: error("error budget gate: cannot be asked (exit code ${code})")
  }
  return code
}
