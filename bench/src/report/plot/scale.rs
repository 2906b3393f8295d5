//! A logarithmic scale.

/// Logarithms, spread between two places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    logs: (f64, f64),
    places: (f64, f64),
}

/// Room at both ends, in decades.
const ROOM: f64 = 0.15;

impl Scale {
    /// Wide enough for all of these values and 1.
    pub(super) fn over(values: &[f64], places: (f64, f64)) -> Self {
        let logs = || values.iter().map(|value| value.log10());
        let (low, high) = (logs().fold(0.0, f64::min), logs().fold(0.0, f64::max));
        Self { logs: (low - ROOM, high + ROOM), places }
    }

    /// The powers of ten on it, with their exponents.
    pub(super) fn decades(self) -> impl Iterator<Item = (i32, f64)> {
        let within = move |exponent: &i32| {
            let log = f64::from(*exponent);
            self.logs.0 <= log && log <= self.logs.1
        };
        let all = f64::MIN_10_EXP..=f64::MAX_10_EXP;
        all.filter(within).map(|exponent| (exponent, 10_f64.powi(exponent)))
    }

    pub(super) fn at(self, value: f64) -> f64 {
        let ((low, high), (start, end)) = (self.logs, self.places);
        start + (value.log10() - low) / (high - low) * (end - start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_are_equally_wide_and_hold_everything() {
        let scale = Scale::over(&[1.4, 60.0, 0.02], (100.0, 300.0));
        let (exponents, values): (Vec<i32>, Vec<f64>) = scale.decades().unzip();
        assert_eq!(exponents, [-1, 0, 1]);
        let places: Vec<f64> = values.into_iter().map(|value| scale.at(value)).collect();
        assert!((places[1] - places[0] - (places[2] - places[1])).abs() < 1e-9, "{places:?}");
        assert!(scale.at(0.02) > 100.0 && scale.at(60.0) < 300.0);
    }

    #[test]
    fn one_is_always_on_it() {
        for values in [vec![], vec![0.01], vec![70.0, 80.0]] {
            let mut decades = Scale::over(&values, (0.0, 1.0)).decades();
            assert!(decades.any(|(exponent, _)| exponent == 0), "{values:?}");
        }
    }
}
