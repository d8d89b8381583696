"""Loads the bundled VST3 in pedalboard, a host that Unfold did not write, and checks what a user would notice.

Usage: hosts_pedalboard.py UNFOLD.VST3 ASSETS_FOLDER
"""

import sys
import wave

import numpy as np
from pedalboard import load_plugin

PARAMETERS = {"amount", "keep_at_least_db", "layers", "hear", "stereo", "adapt", "output_gain_db", "bypass"}


def read_wav(path):
    """A mono 16-bit file as (float32 samples, rate in Hz)."""
    with wave.open(path) as file:
        assert file.getnchannels() == 1 and file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return samples.astype(np.float32) / 32768, file.getframerate()


def si_sdr_db(estimate, reference):
    estimate = estimate.astype(np.float64) - estimate.mean()
    reference = reference.astype(np.float64) - reference.mean()
    target = reference * (estimate @ reference) / (reference @ reference)
    return 10 * np.log10(np.sum(target**2) / np.sum((estimate - target) ** 2))


def check_parameters(plugin):
    names = set(plugin.parameters)
    assert PARAMETERS <= names, f"parameters missing: {PARAMETERS - names}; there are {sorted(names)}"


def check_defaults(plugin):
    values = (plugin.amount, plugin.keep_at_least_db, plugin.hear, plugin.stereo, plugin.bypass)
    assert values == (100, -24, "Result", "Linked", "Active"), f"the defaults are {values}"


def check_null(plugin, rate_hz):
    """At amount 0 the input comes back, sample for sample, because the host takes out the reported latency."""
    impulses = np.zeros((2, rate_hz), dtype=np.float32)
    impulses[:, 1000], impulses[0, 20000], impulses[1, 30001] = 0.5, -0.25, 0.125
    noise = np.random.default_rng(1).normal(0, 0.1, impulses.shape).astype(np.float32)
    for name, signal in (("impulses", impulses), ("noise", noise)):
        plugin.amount = 0
        output = plugin(signal, rate_hz, buffer_size=512, reset=True)
        plugin.amount = 100
        assert output.shape == signal.shape, f"{name}: {output.shape} for {signal.shape}"
        difference = np.abs(output - signal).max()
        assert difference < 1e-6, f"{name} at {rate_hz} Hz differ by {difference}"


def check_denoising(plugin, assets):
    clean, rate_hz = read_wav(f"{assets}/demo_clean.wav")
    noisy, noisy_rate_hz = read_wav(f"{assets}/demo_noisy.wav")
    assert rate_hz == noisy_rate_hz
    output = plugin(np.stack([noisy, noisy]), rate_hz, buffer_size=512, reset=True)
    before_db = si_sdr_db(noisy, clean)
    after_db = si_sdr_db(output[0], clean)
    print(f"demo clip: SI-SDR {before_db:.1f} dB before, {after_db:.1f} dB after")
    assert after_db > before_db, "the demo clip is not improved"
    assert np.abs(output[0] - output[1]).max() < 1e-6, "equal channels come out unequal"


def main():
    vst3, assets = sys.argv[1:]
    plugin = load_plugin(vst3)
    check_parameters(plugin)
    check_defaults(plugin)
    for rate_hz in (44100, 48000, 96000):
        check_null(plugin, rate_hz)
    check_denoising(plugin, assets)
    print("pedalboard: every check passed")


main()
