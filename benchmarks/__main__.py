"""make bench: prints the table of ratios."""

import torch

from benchmarks import data_path


def main() -> None:
    """Measures everything with one thread."""
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, medians, batch 10\n")
    print("| ours / rival | ours, ms | rival, ms | times faster |")
    print("| --- | ---: | ---: | ---: |")
    for name, ours, rival in (data_path.measure(),):
        print(f"| {name} | {ours * 1e3:.3f} | {rival * 1e3:.3f} | {rival / ours:.1f} |")


if __name__ == "__main__":
    main()
