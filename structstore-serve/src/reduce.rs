//! Points reduced to what a plot can show: the least and the greatest value in each column of pixels.

/// A point: x and y.
pub(crate) type Point = (f64, f64);

/// Two points for each column that has any, the least and the greatest value, in the order in which they come. A column is `step` wide
/// and begins at a multiple of it. What is not a number, or infinite, makes a gap, which stays one.
pub(crate) fn columns(points: impl IntoIterator<Item = Point>, step: f64) -> Vec<Point> {
    let mut reduced = Vec::new();
    let mut column: Option<Column> = None;
    let mut in_gap = false;
    for point in points {
        if !point.1.is_finite() {
            column.take().into_iter().for_each(|column| column.finish(&mut reduced));
            if !in_gap {
                reduced.push((point.0, f64::NAN));
            }
            in_gap = true;
            continue;
        }
        in_gap = false;
        let at = (point.0 / step).floor();
        match &mut column {
            Some(column) if column.at == at => column.add(point),
            _ => {
                column
                    .replace(Column::new(at, point))
                    .into_iter()
                    .for_each(|column| column.finish(&mut reduced));
            }
        }
    }
    column.into_iter().for_each(|column| column.finish(&mut reduced));
    reduced
}

struct Column {
    at: f64,
    least: Point,
    greatest: Point,
}

impl Column {
    fn new(at: f64, point: Point) -> Column {
        Column { at, least: point, greatest: point }
    }

    fn add(&mut self, point: Point) {
        if point.1 < self.least.1 {
            self.least = point;
        }
        if point.1 > self.greatest.1 {
            self.greatest = point;
        }
    }

    fn finish(self, points: &mut Vec<Point>) {
        let (first, second) = if self.least.0 <= self.greatest.0 {
            (self.least, self.greatest)
        } else {
            (self.greatest, self.least)
        };
        points.push(first);
        if second.0 > first.0 {
            points.push(second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_keeps_its_extremes() {
        let points: Vec<Point> = (0..1000).map(|at| (f64::from(at), f64::from((at * 7919) % 1000))).collect();
        let reduced = columns(points.iter().copied(), 100.0);
        assert_eq!(reduced.len(), 20);
        for (pair, all) in reduced.chunks(2).zip(points.chunks(100)) {
            let mut values: Vec<f64> = all.iter().map(|point| point.1).collect();
            values.sort_by(f64::total_cmp);
            let mut kept: Vec<f64> = pair.iter().map(|point| point.1).collect();
            kept.sort_by(f64::total_cmp);
            assert_eq!(kept, [values[0], values[99]]);
            assert!(pair[0].0 < pair[1].0 && pair.iter().all(|point| all.contains(point)));
        }
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let points = [(0.5, 1.0), (1.5, f64::NAN), (2.5, 3.0)];
        assert_eq!(format!("{:?}", columns(points, 1.0)), format!("{points:?}"));
    }

    #[test]
    fn gaps_stay_gaps() {
        let points =
            [(0.1, f64::NAN), (0.2, f64::INFINITY), (0.3, 5.0), (0.4, 7.0), (0.5, f64::NAN), (0.6, 6.0)];
        let gapped = [(0.1, f64::NAN), (0.3, 5.0), (0.4, 7.0), (0.5, f64::NAN), (0.6, 6.0)];
        assert_eq!(format!("{:?}", columns(points, 1.0)), format!("{gapped:?}"));
        assert_eq!(columns([], 1.0), []);
    }
}
