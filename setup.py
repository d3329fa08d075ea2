"""Builds the extension module with CMake, for pip.

MOEST_BUILD_DIR names a build folder to go on in, configured for the same Python; by default one is made from nothing.
"""
import os
import pathlib
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).resolve().parent


class CMakeBuild(build_ext):
    def build_extension(self, ext):
        folder = pathlib.Path(os.environ.get("MOEST_BUILD_DIR", pathlib.Path(self.build_temp) / "cmake")).resolve()
        library = pathlib.Path(self.get_ext_fullpath(ext.name)).resolve()
        if "MOEST_BUILD_DIR" not in os.environ:
            options = {
                "CMAKE_BUILD_TYPE": "Release",
                "MOEST_BUILD_PYTHON": "REQUIRED",
                "MOEST_BUILD_TESTS": "OFF",
                "MOEST_BUILD_TOOLS": "OFF",
                "MOEST_WITH_TORCH": "OFF",
                "Python_EXECUTABLE": sys.executable,
            }
            defined = [f"-D{name}={value}" for name, value in options.items()]
            subprocess.run(["cmake", "-G", "Ninja", "-S", ROOT, "-B", folder, *defined], check=True)
        subprocess.run(["cmake", "--build", folder, "--target", "moest_python"], check=True)
        library.parent.mkdir(parents=True, exist_ok=True)
        self.copy_file(str(folder / "python" / "moest" / library.name), str(library))


# What setuptools writes while it builds goes where builds go.
(ROOT / "build").mkdir(exist_ok=True)
extensions = [Extension(f"moest.{name}", sources=[]) for name in ("_core", "_onnx")]
setup(ext_modules=extensions, cmdclass={"build_ext": CMakeBuild}, options={"egg_info": {"egg_base": "build"}})
