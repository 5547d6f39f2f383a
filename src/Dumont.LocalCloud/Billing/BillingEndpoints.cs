using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Billing;

/// <summary><c>/local/invoices</c> and <c>/local/clock</c>: what everything cost, and how fast time passes for money.</summary>
internal sealed class BillingEndpoints(ChargeBook charges, BillingClock clock)
{
    public void Map(RouteGroupBuilder local)
    {
        local.MapGet("/invoices", () => new JsonAnswer(charges.Read(Invoices)));
        local.MapGet("/clock", ShowClock);
        local.MapPost("/clock", (Delegate)SetClockAsync);
    }

    private static JsonObject Invoices(IReadOnlyList<Bill> bills, DateTimeOffset now)
    {
        var invoices = bills.Select(bill => (Bill: bill, Lines: bill.Lines(DateTimeOffset.MinValue, now))).ToArray();
        return new JsonObject
        {
            ["at"] = Text(now),
            ["total_micro_usd"] = invoices.Sum(invoice => Sum(invoice.Lines)),
            ["accounts"] = new JsonArray([.. invoices.GroupBy(invoice => invoice.Bill.Provider).Select(group => new JsonObject
            {
                ["provider"] = group.Key,
                ["total_micro_usd"] = group.Sum(invoice => Sum(invoice.Lines)),
                ["total_usd"] = group.Sum(invoice => Sum(invoice.Lines)) / 1e6,
            })]),
            ["invoices"] = new JsonArray([.. invoices.Select(invoice => ToJson(invoice.Bill, invoice.Lines))]),
        };
    }

    private static JsonObject ToJson(Bill bill, IReadOnlyList<InvoiceLine> lines) => new()
    {
        ["id"] = bill.Id,
        ["provider"] = bill.Provider,
        ["source"] = bill.Source,
        ["label"] = bill.Label,
        ["from"] = Text(bill.From),
        ["to"] = bill.ClosedAt is { } closed ? Text(closed) : null,
        ["amount_micro_usd"] = Sum(lines),
        ["amount_usd"] = Sum(lines) / 1e6,
        ["lines"] = new JsonArray([.. lines.Select(ToJson)]),
    };

    private static JsonObject ToJson(InvoiceLine line)
    {
        var isTime = line.Charge.Bytes is null;
        return new JsonObject
        {
            ["kind"] = KindName(line.Charge.Kind),
            ["from"] = Text(line.From),
            ["to"] = Text(line.To),
            ["open"] = line.Charge.To is null,
            [isTime ? "seconds" : "bytes"] = line.Parts,
            [isTime ? "usd_per_hour" : "usd_per_gb"] = line.Charge.MicroUsdPerUnit / 1e6,
            ["amount_micro_usd"] = line.MicroUsd,
            ["amount_usd"] = line.MicroUsd / 1e6,
        };
    }

    private JsonAnswer ShowClock() => new(new JsonObject { ["speed"] = clock.Speed, ["now"] = Text(clock.Now), ["birth"] = Text(clock.Birth) });

    private async Task<IResult> SetClockAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        if (body.Select(pair => pair.Key).FirstOrDefault(name => name != "speed") is { } unknown)
        {
            return Invalid(unknown, $"unknown field '{unknown}'", ["speed"]);
        }

        if (JsonValues.AsNumber(body["speed"]) is not { } speed || !(speed is >= 0 and <= BillingClock.SpeedMax))
        {
            return Invalid("speed", string.Create(CultureInfo.InvariantCulture, $"speed is a number from 0 to {BillingClock.SpeedMax}"), []);
        }

        clock.SetSpeed(speed);
        return ShowClock();
    }

    public static string KindName(ChargeKind kind) => kind.ToString().ToLowerInvariant();

    private static long Sum(IReadOnlyList<InvoiceLine> lines) => lines.Sum(line => line.MicroUsd);

    private static string Text(DateTimeOffset instant) => instant.ToString("O", CultureInfo.InvariantCulture);

    private static JsonAnswer Invalid(string field, string message, IEnumerable<string> valid) => new(
        new JsonObject { ["error"] = message, ["field"] = field, ["valid"] = new JsonArray([.. valid.Select(value => (JsonNode)value)]) },
        StatusCodes.Status422UnprocessableEntity);
}
