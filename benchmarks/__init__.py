"""Speed ratios: each claim against its strongest cheap rival, interleaved in one process."""
