"""llama.cpp's server, built from the sources in llama-cpp-python's package, and tiny models in its format.

python tests/tools/llama.py build                  builds it once, into .cache/llama, some ten minutes of a core
python tests/tools/llama.py convert FOLDER TARGET  writes TARGET/model.gguf and TARGET/mmproj.gguf
"""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "0.3.36"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "llama"
SOURCES = CACHE / f"llama_cpp_python-{VERSION}" / "vendor" / "llama.cpp"
SERVER = CACHE / "build" / "bin" / "llama-server"
OFF = ("BUILD_TESTS", "BUILD_EXAMPLES", "CURL", "OPENSSL", "BUILD_UI", "USE_PREBUILT_UI")


def build() -> None:
    """Fetch the sources and build the server alone; what is there already is kept."""
    if not SOURCES.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        package = ("--no-deps", "--no-binary", "llama-cpp-python", f"llama-cpp-python=={VERSION}")
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(CACHE), *package], check=True)
        with tarfile.open(CACHE / f"llama_cpp_python-{VERSION}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    if not SERVER.is_file():
        options = ["-DCMAKE_BUILD_TYPE=Release", *(f"-DLLAMA_{name}=OFF" for name in OFF)]
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        subprocess.run(["cmake", "-S", str(SOURCES), "-B", str(CACHE / "build"), *generator, *options], check=True)
        subprocess.run(["cmake", "--build", str(CACHE / "build"), "--target", "llama-server", "--parallel"], check=True)


def convert(folder: Path, target: Path) -> None:
    """A model folder in llama.cpp's format, by llama.cpp's own converter."""
    sys.path.insert(0, str(SOURCES))
    sys.path.insert(1, str(SOURCES / "gguf-py"))
    import convert_hf_to_gguf as converter  # type: ignore[import-not-found]
    from conversion.base import TextModel  # type: ignore[import-not-found]

    def no_sentencepiece(_: object) -> None:
        raise FileNotFoundError

    # The converter knows tokenizers by their hash; a tiny one splits as Qwen's do.
    TextModel.get_vocab_base_pre = lambda *_: "qwen2"
    TextModel._set_vocab_sentencepiece = no_sentencepiece
    target.mkdir(parents=True, exist_ok=True)
    for name, more in (("model", []), ("mmproj", ["--mmproj"])):
        sys.argv = ["convert", str(folder), "--outtype", "f32", "--outfile", str(target / f"{name}.gguf"), *more]
        converter.main()


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build()
    else:
        convert(Path(sys.argv[2]), Path(sys.argv[3]))
