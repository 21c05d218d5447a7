"""What several suites of tests share: fakes, receivers that are scripted, snapshots, golden files."""
