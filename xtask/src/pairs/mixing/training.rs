//! Pairs from `DIR/train`, parted by speaker and noise recording into some to learn from and some to choose by.

use std::ops::Range;

use super::*;

/// One speaker, and one recording of a noise, in this many is held out.
const HELD_OUT_EVERY: usize = 8;

/// Pairs of the two parts of the training folder.
pub struct TrainingPairs {
    pub training: Vec<Pair>,
    /// Other speakers and other noise files.
    pub held_out: Vec<Pair>,
}

/// Mixes `counts` (training, held out) pairs at ratios drawn from `snr_db`, the same ones for the same files and seed.
///
/// Unlike the dev pairs, every pair has an excerpt and a ratio of its own.
///
/// # Errors
/// The corpus has too little training speech or noise to hold some out, or a file cannot be read.
pub fn mix_training(corpus: &Path, seed: u64, counts: [usize; 2], snr_db: Range<f64>) -> Result<TrainingPairs> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (speech, held_out_speech) = part_speakers(list(&corpus.join("train/speech"))?);
    let (noise, held_out_noise) = part_recordings(list(&corpus.join("train/noise"))?);
    ensure!(
        !held_out_speech.is_empty() && !held_out_noise.is_empty(),
        "{} needs a source with at least {HELD_OUT_EVERY} speakers and a noise with as many files, to hold some out",
        corpus.join("train").display()
    );
    let mut pairs = |speech: Listing, noise: Listing, count: usize| -> Result<Vec<Pair>> {
        let speakers = Turns::flat(speech, &mut rng);
        let noises = Turns::nested(noise, &mut rng);
        let mut speech_turns: Vec<usize> = (0..count).collect();
        speech_turns.shuffle(&mut rng);
        let recipes: Vec<Recipe> = (0..count)
            .map(|turn| Recipe {
                speech: speakers.at(speech_turns[turn]).clone(),
                noise: noises.at(turn).clone(),
                snr_db: rng.random_range(snr_db.clone()),
                speech_level_db: rng.random_range(SPEECH_LEVEL_DB),
                seed: rng.random(),
            })
            .collect();
        recipes.par_iter().map(mix).collect()
    };
    Ok(TrainingPairs {
        training: pairs(speech, noise, counts[0])?,
        held_out: pairs(held_out_speech, held_out_noise, counts[1])?,
    })
}

fn is_held_out(index: usize) -> bool {
    index % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
}

/// Every eighth speaker of each source goes to the second listing.
fn part_speakers(listing: Listing) -> (Listing, Listing) {
    let (mut kept, mut held_out) = (Listing::new(), Listing::new());
    for (source, kinds) in listing {
        for (index, (kind, recordings)) in kinds.into_iter().enumerate() {
            let target = if is_held_out(index) { &mut held_out } else { &mut kept };
            target.entry(source.clone()).or_default().insert(kind, recordings);
        }
    }
    (kept, held_out)
}

/// Every eighth file of each kind of noise goes to the second listing.
fn part_recordings(listing: Listing) -> (Listing, Listing) {
    let (mut kept, mut held_out) = (Listing::new(), Listing::new());
    for (source, kinds) in listing {
        for (kind, recordings) in kinds {
            for (index, recording) in recordings.into_iter().enumerate() {
                let target = if is_held_out(index) { &mut held_out } else { &mut kept };
                let kinds = target.entry(source.clone()).or_default();
                kinds.entry(kind.clone()).or_default().push(recording);
            }
        }
    }
    (kept, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kinds` kinds in one source, each with `files` recordings.
    fn listing(kinds: usize, files: usize) -> Listing {
        let recordings = |kind: &String| -> Vec<Recording> {
            (0..files)
                .map(|file| Recording {
                    path: PathBuf::from(format!("{kind}_{file}")),
                    kind: kind.clone(),
                })
                .collect()
        };
        let kinds = (0..kinds).map(|kind| format!("source/{kind:02}"));
        BTreeMap::from([(
            "source".to_owned(),
            kinds.map(|kind| (kind.clone(), recordings(&kind))).collect(),
        )])
    }

    fn paths(listing: &Listing) -> Vec<&Path> {
        let kinds = listing.values().flat_map(BTreeMap::values);
        kinds.flatten().map(|recording| recording.path.as_path()).collect()
    }

    #[test]
    fn whole_speakers_are_held_out() {
        let (kept, held_out) = part_speakers(listing(20, 3));
        assert_eq!(paths(&kept).len() + paths(&held_out).len(), 60);
        assert_eq!(
            held_out["source"].keys().collect::<Vec<_>>(),
            ["source/07", "source/15"]
        );
        assert!(
            held_out["source"]
                .keys()
                .all(|speaker| !kept["source"].contains_key(speaker))
        );
    }

    #[test]
    fn noise_files_are_held_out_from_kinds_that_have_enough() {
        let (kept, held_out) = part_recordings(listing(2, 9));
        assert_eq!(paths(&held_out), [Path::new("source/00_7"), Path::new("source/01_7")]);
        assert_eq!(paths(&kept).len(), 16);
        assert!(part_recordings(listing(5, 7)).1.is_empty());
    }
}
