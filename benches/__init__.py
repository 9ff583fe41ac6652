"""The bench harness and its cases: `python -m benches`."""
