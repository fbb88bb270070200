//! Numbers for made-up tables.

/// Uniform numbers from a fixed seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        ((mixed ^ (mixed >> 33)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A count with this mean, by multiplying uniform numbers (Knuth); in parts, so that nothing underflows.
    pub(crate) fn count(&mut self, mean: f64) -> u64 {
        let parts = (mean / 50.0).ceil().max(1.0);
        let end = (-mean / parts).exp();
        let mut count = 0;
        for _ in 0..parts as u64 {
            let mut product = self.uniform();
            while product > end {
                count += 1;
                product *= self.uniform();
            }
        }
        count
    }
}
