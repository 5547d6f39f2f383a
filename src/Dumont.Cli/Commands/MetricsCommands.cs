using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class MetricsCommands
{
    public static readonly Text Summary = new("Market prices, hosts and efficiency", "Preços de mercado, hosts e eficiência");

    private static readonly KeySpec Gpu = new("gpu_name", KeyType.Text, new("only this GPU", "só esta GPU"));

    private static readonly KeySpec Type = new("machine_type", KeyType.Choice, new("how it is rented", "como é alugada"))
    {
        Values = ["on-demand", "interruptible", "bid"],
    };

    private static readonly KeySpec Limit = new("limit", KeyType.Integer, new("at most so many", "no máximo tantos"));

    private static readonly KeySpec Place = new("geolocation", KeyType.Text, new("only here", "só aqui"));

    private static readonly KeySpec Verified = new("verified_only", KeyType.Boolean, new("verified hosts only", "só hosts verificados"));

    private static readonly KeySpec Reliability = new("min_reliability", KeyType.Number, new("0 to 1", "0 a 1"));

    public static ResourceSpec Make() => new("metrics", Summary, [Market(), MarketSummary(), Providers(), Efficiency(), Gpus(), Types(), Compare()]);

    private static CommandSpec Market() =>
        new("market", ApiMethod.Get, "/api/v1/metrics/market", new("Prices over time", "Preços ao longo do tempo"),
            ["metrics market", "metrics market gpu_name=rtx4090 hours=48"])
        {
            Keys = [Gpu, Type, new("hours", KeyType.Integer, new("the last so many, up to 168", "as últimas tantas, até 168")) { Default = "24" }, Limit],
            Rows = "",
            NameField = "gpu_name",
            Columns =
            [
                new("TIME", "timestamp", ColumnFormat.Time),
                new("GPU", "gpu_name"),
                new("TYPE", "machine_type"),
                new("MIN", "min_price", ColumnFormat.UsdPerHour),
                new("MEDIAN", "median_price", ColumnFormat.UsdPerHour),
                new("AVG", "avg_price", ColumnFormat.UsdPerHour),
                new("MAX", "max_price", ColumnFormat.UsdPerHour),
                new("OFFERS", "total_offers", ColumnFormat.Integer),
                new("GPUS", "available_gpus", ColumnFormat.Integer),
                new("REL", "avg_reliability", ColumnFormat.Fraction) { IsWide = true },
                new("$/TFLOPS", "avg_cost_per_tflops", ColumnFormat.Decimal) { IsWide = true },
            ],
        };

    private static CommandSpec MarketSummary() =>
        new("summary", ApiMethod.Get, "/api/v1/metrics/market/summary", new("Prices now, by GPU", "Preços agora, por GPU"),
            ["metrics summary", "metrics summary gpu_name=rtx4090 -o json"])
        {
            Aliases = ["market-summary"],
            Keys = [Gpu, Type],
        };

    private static CommandSpec Providers() =>
        new("providers", ApiMethod.Get, "/api/v1/metrics/providers", new("Hosts, the most reliable first", "Hosts, os mais confiáveis primeiro"),
            ["metrics providers", "metrics providers gpu_name=rtx4090 min_reliability=0.95"])
        {
            Keys =
            [
                Gpu, Place, Verified, Reliability,
                new("min_observations", KeyType.Integer, new("seen at least so often", "visto ao menos tantas vezes")),
                new("order_by", KeyType.Text, new("what to sort by", "critério de ordem")),
                Limit,
            ],
            Rows = "",
            NameField = "machine_id",
            Columns =
            [
                new("MACHINE", "machine_id"),
                new("HOST", "hostname"),
                new("GPU", "gpu_name"),
                new("REL", "reliability_score", ColumnFormat.Fraction),
                new("AVAIL", "availability_score", ColumnFormat.Fraction),
                new("STABLE", "price_stability_score", ColumnFormat.Fraction),
                new("AVG", "avg_price", ColumnFormat.UsdPerHour),
                new("SEEN", "total_observations", ColumnFormat.Integer),
                new("WHERE", "geolocation"),
                new("VERIFIED", "verified", ColumnFormat.Boolean) { IsWide = true },
                new("LAST SEEN", "last_seen", ColumnFormat.Time) { IsWide = true },
            ],
        };

    private static CommandSpec Efficiency() =>
        new("efficiency", ApiMethod.Get, "/api/v1/metrics/efficiency", new("Most compute for the money", "Mais computação pelo dinheiro"),
            ["metrics efficiency", "metrics efficiency gpu_name=rtx4090 max_price=0.50"])
        {
            Keys = [Gpu, Type, Verified, Reliability, new("max_price", KeyType.Number, new("most $/h", "máximo $/h")), Place, Limit],
            Rows = "",
            NameField = "offer_id",
            Columns =
            [
                new("RANK", "rank", ColumnFormat.Integer),
                new("OFFER", "offer_id"),
                new("GPU", "gpu_name"),
                new("SCORE", "efficiency_score", ColumnFormat.Decimal),
                new("$/H", "dph_total", ColumnFormat.UsdPerHour),
                new("$/TFLOPS", "cost_per_tflops", ColumnFormat.Decimal),
                new("VRAM", "gpu_ram", ColumnFormat.Gigabytes),
                new("REL", "reliability", ColumnFormat.Fraction),
                new("WHERE", "geolocation"),
                new("TYPE", "machine_type") { IsWide = true },
                new("VERIFIED", "verified", ColumnFormat.Boolean) { IsWide = true },
            ],
        };

    private static CommandSpec Gpus() =>
        new("gpus", ApiMethod.Get, "/api/v1/metrics/gpus", new("GPUs with prices on record", "GPUs com preços registrados"),
            ["metrics gpus", "metrics gpus -o json"])
        {
            Rows = "",
        };

    private static CommandSpec Types() =>
        new("types", ApiMethod.Get, "/api/v1/metrics/types", new("Ways to rent", "Formas de alugar"),
            ["metrics types", "metrics types -o json"])
        {
            Rows = "",
        };

    private static CommandSpec Compare() =>
        new("compare", ApiMethod.Get, "/api/v1/metrics/compare", new("GPUs side by side", "GPUs lado a lado"),
            ["metrics compare gpus=rtx4090,rtx3090", "metrics compare gpus=rtx4090,a100 -o yaml"])
        {
            Keys = [new("gpus", KeyType.Text, new("names, with commas", "nomes, com vírgulas")) { IsRequired = true }, Type],
            Rows = "gpus",
            NameField = "gpu_name",
            Columns =
            [
                new("GPU", "gpu_name"),
                new("MIN", "min_price", ColumnFormat.UsdPerHour),
                new("AVG", "avg_price", ColumnFormat.UsdPerHour),
                new("OFFERS", "total_offers", ColumnFormat.Integer),
                new("REL", "avg_reliability", ColumnFormat.Fraction),
                new("$/TFLOPS", "min_cost_per_tflops", ColumnFormat.Decimal),
                new("TFLOPS", "avg_total_flops", ColumnFormat.Decimal),
            ],
        };
}
