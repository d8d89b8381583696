#!/usr/bin/env python3
"""Training audio beyond the corpus: real sounds under free licences from packages of Debian.

    python3 models/more_audio.py FOLDER

makes FOLDER/speech and FOLDER/noise, which `cargo xtask train` takes as a second `--speech` and `--noise`. Needs a Debian system
with its `apt-get download`, ffmpeg and 7 GB of disk while it runs. Authors and licences: ATTRIBUTION.txt.
"""

import array
import pathlib
import subprocess
import sys
import tempfile
import zipfile

# Recordings of this length stand alone; shorter ones are joined to files of about JOINED_S, in the order of their names.
ALONE_S = 6.0
JOINED_S = 30.0
GAP_S = 0.1
PEAK = 0.5

GAMES = "usr/share/games"

# Package, corpus source, zip file inside the package that holds the folders, folders. Voices and animals are left out of the noise.
NOISE = [
    ("redeclipse-data", "redeclipse", None, [f"{GAMES}/redeclipse/data/sounds/ambience"]),
    ("endless-sky-data", "endless_sky", None, [f"{GAMES}/endless-sky/sounds"]),
    (
        "0ad-data",
        "zero_ad",
        f"{GAMES}/0ad/mods/public/public.zip",
        [f"audio/ambient/{kind}" for kind in ("building", "dayscape", "water", "weather")]
        + [f"audio/resource/{kind}" for kind in ("construction", "farming", "foraging", "gathering", "lumbering", "mining")]
        + [f"audio/attack/{kind}" for kind in ("destruction", "fire", "impact", "siege", "weapon")]
        + [f"audio/actor/{kind}" for kind in ("gate", "human/movement", "mounted/movement", "ship", "singlesteps")]
        + [f"audio/interface/{kind}/building" for kind in ("complete", "select")],
    ),
]
SPEECH = [
    (f"asterisk-core-sounds-{language}-g722", f"asterisk_{language}", None, ["usr/share/asterisk/sounds"])
    for language in ("en", "es", "fr", "it", "ru")
]
NOT_SPEECH = ("silence", "beep", "tone", "tt-", "dir-", "letters", "digits", "phonetic")
SUFFIXES = (".ogg", ".wav", ".g722")


def unpack(package, archive, folders, into):
    """Downloads a package and gives the paths of its folders, or of those in its zip file `archive`."""
    subprocess.run(["apt-get", "download", package], cwd=into, check=True, stdout=subprocess.DEVNULL)
    (deb,) = into.glob(f"{package}_*.deb")
    wanted = [f"./{name}" for name in ([archive] if archive else folders)]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar:
        subprocess.run(["tar", "-x", "-C", into, *wanted], stdin=tar.stdout, check=True)
    deb.unlink()
    if archive:
        with zipfile.ZipFile(into / archive) as zipped:
            names = [name for name in zipped.namelist() if name.startswith(tuple(f"{f}/" for f in folders))]
            zipped.extractall(into, names)
    return [into / name for name in folders]


def decode(path, rate_hz):
    """Mono samples, 16 bit."""
    kind = ["-f", "g722"] if path.suffix == ".g722" else []
    command = ["ffmpeg", "-v", "error", *kind, "-i", path, "-ac", "1", "-ar", str(rate_hz), "-f", "s16le", "-"]
    samples = array.array("h")
    samples.frombytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return samples


def scaled(samples):
    """The same with its peak at PEAK."""
    gain = PEAK * 32767 / max(1, max((abs(x) for x in samples), default=1))
    return array.array("h", (int(gain * x) for x in samples))


def write(path, samples, rate_hz):
    """A FLAC file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(rate_hz), "-ac", "1", "-i", "-", path]
    subprocess.run(command, input=samples.tobytes(), check=True)


def collect(folders, out, rate_hz, most_minutes, skipped):
    """Writes the recordings of the folders as corpus files; gives their minutes."""
    total = 0
    for folder in folders:
        group = "_".join(folder.parts[-2:])
        paths = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)
        paths = [p for p in paths if not any(word in p.as_posix().rsplit("/sounds/")[-1] for word in skipped)]
        joined, count = array.array("h"), 0
        for index, path in enumerate(paths):
            samples = scaled(decode(path, rate_hz))
            if len(samples) >= ALONE_S * rate_hz:
                write(out / f"{group}_{path.stem}.flac", samples, rate_hz)
                total += len(samples)
            else:
                joined += samples + array.array("h", bytes(2 * int(GAP_S * rate_hz)))
            if joined and (len(joined) >= JOINED_S * rate_hz or index + 1 == len(paths)):
                write(out / f"{group}_joined{count}.flac", joined, rate_hz)
                total += len(joined)
                joined, count = array.array("h"), count + 1
            if total >= most_minutes * 60 * rate_hz:
                break
    return total / 60 / rate_hz


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1]).resolve()
    kinds = [("speech", SPEECH, NOT_SPEECH, 16_000, 8), ("noise", NOISE, (), 44_100, 60)]
    for kind, sources, skipped, rate_hz, most_minutes in kinds:
        for package, source, archive, folders in sources:
            with tempfile.TemporaryDirectory() as scratch:
                unpacked = unpack(package, archive, folders, pathlib.Path(scratch))
                minutes = collect(unpacked, out / kind / source, rate_hz, most_minutes, skipped)
            print(f"{kind}/{source}: {minutes:.1f} min", flush=True)


if __name__ == "__main__":
    main()
