using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Tests.Support;

namespace Dumont.LocalCloud.Tests.Billing;

/// <summary>Random lives of machines: the invoice is the sum of the charges of every single second.</summary>
public sealed class RandomHistoryTests
{
    private const int Histories = 1000;

    // Products of these and whole milliseconds are whole ticks, so the oracle may reckon with plain multiplication.
    private static readonly double[] Speeds = [0, 0.5, 1, 2, 7, 60, 600];

    [Fact]
    public void Invoice_OfRandomHistories_IsTheSumOfItsSeconds()
    {
        var folder = Scratch.Create("dumont-bills-");
        try
        {
            for (var seed = 0; seed < Histories; seed++)
            {
                new History(seed, Directory.CreateDirectory(Path.Combine(folder, $"{seed}")).FullName).Run();
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed class History(int seed, string folder)
    {
        private static readonly (string Provider, string Source, string Id, ChargeKind[] Kinds)[] Things =
        [
            ("vast", "instance", "1", [ChargeKind.Gpu, ChargeKind.Disk]), ("vast", "volume", "2", [ChargeKind.Volume]),
            ("gcp", "vm", "3", [ChargeKind.Vm, ChargeKind.Disk]),
        ];

        private readonly Random _random = new(seed);
        private readonly HandClock _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMilliseconds(seed * 37));
        // What was stated, when: the whole of what the oracle knows.
        private readonly List<(int Thing, ChargeKind Kind, DateTimeOffset At, long Price)> _stated = [];
        private readonly List<(int Thing, ChargeKind Kind, DateTimeOffset At, long Bytes, long Price)> _moved = [];
        private readonly bool[] _closed = new bool[Things.Length];
        private BillingClock _clock = null!;
        private ChargeBook _book = null!;
        private DateTimeOffset _billed;
        private double _speed = 1;

        public void Run()
        {
            Open();
            _billed = _time.GetUtcNow();
            var steps = _random.Next(10, 40);
            for (var step = 0; step < steps; step++)
            {
                Pass(_random.Next(0, _random.Next(10) == 0 ? 60_000 : 5_000));
                Act();
                Assert.True(_billed == _clock.Now, $"seed {seed}, step {step}: the clock shows {_clock.Now:O} instead of {_billed:O}");
            }

            Compare();
            Open();
            Compare();
        }

        private void Open()
        {
            _clock = new BillingClock(folder, _time);
            _book = new ChargeBook(folder, _clock);
        }

        private void Pass(int milliseconds)
        {
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            _billed += TimeSpan.FromMilliseconds(milliseconds * _speed);
        }

        private void Act()
        {
            var thing = _random.Next(Things.Length);
            var (provider, source, id, kinds) = Things[thing];
            switch (_random.Next(10))
            {
                case 0:
                    _speed = Speeds[_random.Next(Speeds.Length)];
                    _clock.SetSpeed(_speed);
                    break;
                case 1:
                    Open();
                    break;
                case 2:
                    _clock.Save();
                    _ = _book.SpentMicroUsd(provider);
                    break;
                case 3 when _stated.Exists(state => state.Thing == thing) && !_closed[thing]:
                    var (bytes, perGb) = (_random.NextInt64(1, 5_000_000_000), _random.NextInt64(1, 20_000));
                    var direction = _random.Next(2) == 0 ? ChargeKind.Bwd : ChargeKind.Bwu;
                    _book.AddTraffic(provider, source, id, direction, bytes, perGb);
                    _moved.Add((thing, direction, _billed, bytes, perGb));
                    break;
                case 4 when _random.Next(3) == 0 && !_closed[thing]:
                    _book.Close(provider, source, id);
                    _closed[thing] = true;
                    _stated.AddRange(kinds.Select(kind => (thing, kind, _billed, 0L)));
                    break;
                default:
                    State(thing, kinds[_random.Next(kinds.Length)]);
                    break;
            }
        }

        private void State(int thing, ChargeKind kind)
        {
            if (_closed[thing])
            {
                return;
            }

            var (provider, source, id, _) = Things[thing];
            var price = _random.Next(4) == 0 ? 0 : _random.NextInt64(1, 3_000_000);
            _book.SetRates(provider, source, id, "a", (kind, price));
            _stated.Add((thing, kind, _billed, price));
        }

        private void Compare()
        {
            var expected = Things.Select((_, thing) => Oracle(thing)).ToArray();
            var invoices = _book.Read((bills, now) => bills.ToDictionary(
                bill => bill.Id, bill => (Sum: bill.Lines(DateTimeOffset.MinValue, now).Sum(line => line.MicroUsd), Total: bill.MicroUsdUntil(now))));
            for (var thing = 0; thing < Things.Length; thing++)
            {
                var (sum, total) = invoices.GetValueOrDefault(Things[thing].Id);
                Assert.True(expected[thing] == sum && sum == total, $"seed {seed}: thing {thing} costs {expected[thing]}, lines say {sum}, total {total}");
            }

            Assert.True(expected[0] + expected[1] == _book.SpentMicroUsd("vast"), $"seed {seed}: spent on vast");
            Assert.True(expected[2] == _book.SpentMicroUsd("gcp"), $"seed {seed}: spent on gcp");
        }

        // Walks second by second and asks what the price was when the second began. Shares nothing with the code under test.
        private long Oracle(int thing)
        {
            long total = 0;
            foreach (var kind in Things[thing].Kinds)
            {
                var states = _stated.Where(state => state.Thing == thing && state.Kind == kind).ToList();
                if (states.Count == 0)
                {
                    continue;
                }

                Int128 hourlyMicroUsd = 0;
                var next = 0;
                long price = 0;
                for (var second = states[0].At.ToUnixTimeSeconds(); DateTimeOffset.FromUnixTimeSeconds(second) < _billed; second++)
                {
                    for (; next < states.Count && states[next].At <= DateTimeOffset.FromUnixTimeSeconds(second); next++)
                    {
                        price = states[next].Price;
                    }

                    hourlyMicroUsd += price;
                }

                total += (long)(hourlyMicroUsd / 3600);
            }

            foreach (var direction in (ChargeKind[])[ChargeKind.Bwd, ChargeKind.Bwu])
            {
                var moved = _moved.Where(move => move.Thing == thing && move.Kind == direction);
                total += (long)(moved.Aggregate((Int128)0, (sum, move) => sum + ((Int128)move.Bytes * move.Price)) / 1_000_000_000);
            }

            return total;
        }
    }
}
