#!/usr/bin/env bash
# Renders demo_clean.wav and demo_noisy.wav beside this script; needs espeak-ng and sox.
set -euo pipefail
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

espeak-ng -v en-gb -p 42 -s 180 -a 100 -w "$scratch/voice.wav" \
    "This is Unfold. The fan and the hum are gone; only the voice stays."
sox "$scratch/voice.wav" -b 32 -e floating-point "$scratch/speech.wav" rate -v 48000 norm -6 pad 0.3 0.3
seconds=$(soxi -D "$scratch/speech.wav")

# A fan: pink noise with a resonance, swelling slowly. Mains hum: 100 Hz and its harmonics. -R fixes sox's random numbers.
sox -R -n -r 48000 -c 1 -b 32 -e floating-point "$scratch/fan.wav" \
    synth "$seconds" pinknoise equalizer 420 1.5q 6 tremolo 0.4 30 gain -n -17.6
sox -R -n -r 48000 -c 1 -b 32 -e floating-point "$scratch/hum.wav" \
    synth "$seconds" sine 100 synth "$seconds" sine mix 200 synth "$seconds" sine mix 300 gain -n -30
sox -m -v 1 "$scratch/fan.wav" -v 1 "$scratch/hum.wav" "$scratch/noise.wav"

sox -R "$scratch/speech.wav" -b 16 -e signed-integer demo_clean.wav
sox -R -m -v 1 "$scratch/speech.wav" -v 1 "$scratch/noise.wav" -b 16 -e signed-integer demo_noisy.wav
