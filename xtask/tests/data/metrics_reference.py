"""Records the reference values of xtask/tests/metrics_reference.rs.

    espeak-ng -v en-us+f3 -s 150 "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."
    espeak-ng -v en-gb+m3 -s 160 "It is easy to tell the depth of a well. These days a chicken leg is a rare dish."
    (both resampled to 16 kHz, the first 3.5 s stored as 16-bit WAV beside this file)
    pip install numpy scipy soundfile pystoi==0.4.1 mir_eval==0.8.2 pesq==0.0.4
    python metrics_reference.py
"""
import os
import sys
import warnings

import mir_eval
import numpy as np
import pesq
import pystoi
import soundfile

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))


def uniform_noise(count, state=1):
    out = np.empty(count)
    for n in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out[n] = (state >> 8) / 2**23 - 1.0
    return out


def one_pole(x, pole):
    out = np.empty(len(x))
    last = 0.0
    for n, value in enumerate(x):
        last = pole * last + (1 - pole) * value
        out[n] = last
    return out


def at_snr(speech, noise, snr_db):
    gain = np.sqrt(np.sum(speech**2) / np.sum(noise**2) * 10 ** (-snr_db / 10))
    return speech + gain * noise


def echo(x):
    out = x.copy()
    out[800:] += 0.5 * x[:-800]
    out[2000:] += 0.3 * x[:-2000]
    return out


def degradations(speech):
    white = uniform_noise(len(speech))
    index = np.arange(len(speech))
    swelling = white * (1 + np.sin(2 * np.pi * 4 * index / 16000))
    brown = one_pole(white, 0.98)
    gate = np.where((index // 480) % 3 == 0, 0.1, 1.0)
    return {
        "White40": at_snr(speech, white, 40),
        "White25": at_snr(speech, white, 25),
        "White15": at_snr(speech, white, 15),
        "White5": at_snr(speech, white, 5),
        "WhiteMinus3": at_snr(speech, white, -3),
        "Swelling0": at_snr(speech, swelling, 0),
        "Brown0": at_snr(speech, brown, 0),
        "Brown15": at_snr(speech, brown, 15),
        "Brown30": at_snr(speech, brown, 30),
        "MuffledWhite10": at_snr(one_pole(speech, 0.7), white, 10),
        "Muffled": one_pole(speech, 0.5),
        "Echo": echo(speech),
        "FaintEcho": speech + 0.1 * (echo(speech) - speech),
        "GatedBrown20": np.sqrt(gate) * at_snr(speech, brown, 20),
        "GatedWhite8": gate * at_snr(speech, white, 8),
    }


for voice in ["Female", "Male"]:
    speech, rate = soundfile.read(os.path.join(HERE, f"espeak_{voice.lower()}_16k.wav"))
    assert rate == 16000
    for name, noisy in degradations(speech).items():
        sdr = mir_eval.separation.bss_eval_sources(speech[None], noisy[None], compute_permutation=False)[0][0]
        s, e = speech - speech.mean(), noisy - noisy.mean()
        target = np.dot(e, s) / np.dot(s, s) * s
        si_sdr = 10 * np.log10(np.sum(target**2) / np.sum((e - target) ** 2))
        stoi = pystoi.stoi(speech, noisy, rate)
        estoi = pystoi.stoi(speech, noisy, rate, extended=True)
        wb = pesq.pesq(rate, speech, noisy, "wb")
        print(f"    row({voice}, {name}, {si_sdr:.4f}, {sdr:.4f}, {stoi:.5f}, {estoi:.5f}, {wb:.4f}),")
