using System.Globalization;

namespace Dumont.LocalCloud.Market;

/// <summary>Makes the market of a seed: the same seed gives the same hosts, prices and offer ids on every computer.</summary>
/// <remarks>
/// Spreads follow what public recordings of the market show: prices log-normal around a model's typical price, lowest bids at 0.3 to
/// 0.7 of it, reliability mostly above 0.97, nine hosts in ten verified.
/// </remarks>
internal sealed class OfferGenerator(int seed)
{
    private const double PriceSpread = 0.22;
    private const long FirstOfferId = 11_000_000;

    private static readonly string[] Places =
    [
        "Texas, US", "California, US", "Oregon, US", "Washington, US", "New York, US", "Virginia, US", "Utah, US", "Florida, US", "Illinois, US",
        "Georgia, US", "Quebec, CA", "Ontario, CA", "British Columbia, CA", "Sao Paulo, BR", "Sweden, SE", "Norway, NO", "Finland, FI",
        "Denmark, DK", "Germany, DE", "France, FR", "Netherlands, NL", "Belgium, BE", "Spain, ES", "Portugal, PT", "Italy, IT", "Poland, PL",
        "Czechia, CZ", "Romania, RO", "Bulgaria, BG", "Hungary, HU", "Estonia, EE", "United Kingdom, GB", "Iceland, IS", "Ukraine, UA",
        "South Korea, KR", "Japan, JP", "Taiwan, TW", "Hong Kong, HK", "Singapore, SG", "Vietnam, VN", "Thailand, TH", "India, IN",
        "Australia, AU", "New Zealand, NZ", "Israel, IL", "South Africa, ZA", "Argentina, AR", "Chile, CL",
    ];

    private static readonly string[] EuropeanPlaces = ["Germany, DE", "France, FR", "Netherlands, NL", "Poland, PL", "Sweden, SE", "Spain, ES"];

    private static readonly (string Name, int Cores, double Ghz, string Board, double Pci)[] Computers =
    [
        ("AMD EPYC 7763 64-Core Processor", 128, 2.45, "ROMED8-2T", 4), ("AMD EPYC 9354 32-Core Processor", 64, 3.25, "H13SSL-N", 5),
        ("AMD Ryzen 9 5950X 16-Core Processor", 32, 3.4, "ROG STRIX X570-E", 4), ("AMD Ryzen 9 7950X 16-Core Processor", 32, 4.5, "X670E Taichi", 5),
        ("Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", 96, 3.0, "X11DPG-QT", 3), ("Intel(R) Xeon(R) Platinum 8480+", 112, 2.0, "X13DEG-OA", 5),
        ("Intel(R) Core(TM) i9-13900K", 32, 3.0, "Z790 AORUS", 5), ("AMD Ryzen Threadripper 3970X 32-Core Processor", 64, 3.7, "TRX40 Creator", 4),
    ];

    private static readonly (string Driver, double Cuda)[] Drivers =
        [("570.124.04", 12.8), ("560.35.03", 12.6), ("550.127.05", 12.4), ("535.183.01", 12.2), ("580.65.06", 13.0)];

    // How many hosts a model has; most have two.
    private static readonly Dictionary<string, int> Popular = new()
    {
        ["RTX 4090"] = 22,
        ["RTX 3090"] = 14,
        ["RTX 5090"] = 10,
        ["RTX 3080"] = 6,
        ["RTX 3060"] = 6,
        ["RTX A6000"] = 6,
        ["H100 SXM"] = 6,
        ["A100 SXM4"] = 4,
        ["A100 PCIE"] = 4,
        ["L40S"] = 5,
        ["RTX A4000"] = 4,
        ["RTX 4080"] = 4,
        ["RTX 3070"] = 4,
        ["H200"] = 4,
        ["B200"] = 3,
        ["RTX 6000Ada"] = 4,
        ["RTX A5000"] = 4,
        ["Tesla V100"] = 4,
    };

    private readonly Random _random = new(seed);
    private readonly List<Offer> _offers = [];
    private int _hosts;

    public static IReadOnlyList<Offer> Generate(int seed)
    {
        var generator = new OfferGenerator(seed);
        generator.AddDependable();
        foreach (var model in GpuModel.All)
        {
            for (var host = 0; host < Popular.GetValueOrDefault(model.Name, 2); host++)
            {
                generator.AddHost(generator.DrawHost(model));
            }
        }

        return generator._offers;
    }

    // Whatever the seed, someone who tries failover several times in a row finds cheap, verified machines of the common kinds.
    private void AddDependable()
    {
        var common = GpuModel.All.First(model => model.Name == "RTX 4090");
        for (var host = 0; host < 14; host++)
        {
            AddHost(Dependable(DrawHost(common), common, gpus: 1, usdPerGpu: 0.28 + (0.015 * host)) with
            {
                Geolocation = host % 2 == 0 ? Places[host * 3 % Places.Length] : EuropeanPlaces[host / 2 % EuropeanPlaces.Length],
            });
        }

        foreach (var (name, gpus) in ((string, int)[])[("RTX 4090", 2), ("RTX 3090", 1), ("RTX 3090", 2), ("RTX 3090", 2), ("RTX 3080", 1), ("RTX 3080", 1)])
        {
            var model = GpuModel.All.First(candidate => candidate.Name == name);
            AddHost(Dependable(DrawHost(model), model, gpus, model.TypicalUsdPerHour) with { Geolocation = EuropeanPlaces[_hosts % EuropeanPlaces.Length] });
        }
    }

    private static MarketHost Dependable(MarketHost host, GpuModel model, int gpus, double usdPerGpu) => host with
    {
        GpuCount = gpus,
        MicroUsdPerGpuHour = (long)Math.Round(usdPerGpu * 1_000_000),
        Verification = "verified",
        Reliability = Math.Max(host.Reliability, 0.9905),
        DiskSpaceGb = Math.Max(host.DiskSpaceGb, 240),
        InetDown = Math.Max(host.InetDown, 350),
        InetUp = Math.Max(host.InetUp, 250),
        CpuRamMb = Math.Max(host.CpuRamMb, 64_000 * gpus),
        StorageUsdPerGbMonth = 0.1,
        Gpu = model,
        DurationDays = Math.Max(host.DurationDays, 30),
    };

    private MarketHost DrawHost(GpuModel model)
    {
        var computer = Pick(Computers);
        var driver = Pick(Drivers);
        var dataCentre = _random.NextDouble() < 0.35;
        var price = model.TypicalUsdPerHour * Math.Exp(PriceSpread * Gaussian());
        var bandwidth = Math.Exp(6.4 + (0.8 * Gaussian()));
        return new MarketHost
        {
            MachineId = 0,
            HostId = 50_000 + _random.Next(400_000),
            Gpu = model,
            GpuCount = Pick([1, 1, 1, 2, 2, 4, 4, 8]),
            Geolocation = Pick(Places),
            CpuName = computer.Name,
            CpuCores = computer.Cores,
            CpuGhz = computer.Ghz,
            CpuRamMb = Pick([64, 128, 256, 512]) * 1000 + _random.Next(500, 900),
            DiskSpaceGb = Math.Round(100 + Math.Exp(5.8 + (0.9 * Gaussian())), 1),
            DiskMbPerSecond = Math.Round(400 + (_random.NextDouble() * 6000), 1),
            DiskName = Pick(["nvme", "Samsung SSD 990 PRO 2TB", "KINGSTON SKC3000D4096G", "WD_BLACK SN850X 4000GB", "MICRON_7450"]),
            InetUp = Math.Round(Math.Clamp(bandwidth * (0.5 + (0.5 * _random.NextDouble())), 40, 9000), 1),
            InetDown = Math.Round(Math.Clamp(bandwidth, 60, 9500), 1),
            InetUpUsdPerGb = Math.Round(_random.NextDouble() * 0.02, 4),
            InetDownUsdPerGb = Math.Round(_random.NextDouble() * 0.015, 4),
            Reliability = Math.Round(0.97 + (0.0295 * Math.Pow(_random.NextDouble(), 0.4)), 7),
            Verification = _random.NextDouble() switch { < 0.9 => "verified", < 0.97 => "unverified", _ => "deverified" },
            HostingType = dataCentre ? 1 : 0,
            StaticIp = dataCentre || _random.NextDouble() < 0.6,
            DirectPorts = _random.Next(4, 400),
            DriverVersion = driver.Driver,
            CudaMax = driver.Cuda,
            Mainboard = computer.Board,
            PciGeneration = computer.Pci,
            PcieGbPerSecond = Math.Round(computer.Pci * (3 + (2.5 * _random.NextDouble())), 1),
            MicroUsdPerGpuHour = (long)Math.Round(price * 1_000) * 1_000,
            MinBidFraction = Math.Round(0.3 + (0.4 * _random.NextDouble()), 3),
            StorageUsdPerGbMonth = Math.Round(0.08 + (0.14 * _random.NextDouble()), 3),
            DurationDays = 2 + _random.Next(300),
        };
    }

    private void AddHost(MarketHost drawn)
    {
        var index = _hosts++;
        var host = drawn with { MachineId = 20_000 + (index * 7) };
        var slice = 0;
        for (var size = 1; size <= host.GpuCount; size *= 2)
        {
            for (var first = 0; first + size <= host.GpuCount; first += size)
            {
                _offers.Add(new Offer(FirstOfferId + (index * 100) + slice++, host, first, size));
            }
        }
    }

    private double Gaussian() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private T Pick<T>(T[] choices) => choices[_random.Next(choices.Length)];

    /// <summary>A driver version as one number: groups of three digits, <c>535.86.05</c> is 535086005.</summary>
    public static long VersionNumber(string version) =>
        version.Split('.').Concat(["0", "0"]).Take(3).Aggregate(0L, (sum, part) => (sum * 1000) + long.Parse(part, CultureInfo.InvariantCulture));
}
