#!/bin/bash
# images.sh: prints the third-party images of the chart and of observability/, one per line.
set -euo pipefail
cd "$(dirname "$0")"

# The chart's images are pairs of `repository` and `tag` in values.yaml. Our own images have no tag there.
awk '$1 == "repository:" { name = $2 } $1 == "tag:" && $2 != "\"\"" { print name ":" $2 }' ../charts/lea-payments/values.yaml
find observability -name '*.yaml' -exec awk '$1 == "image:" { print $2 }' {} +
