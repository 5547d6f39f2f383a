using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Billing;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>What the customer was charged and what was paid in, as the provider shows it. All of it is read from the bills.</summary>
internal sealed class ChargeEndpoints(ChargeBook charges, ContractBook book, BillingClock clock)
{
    private const int ChargesMax = 500;
    private const int InvoicesMax = 100;
    private const long MicroUsdPerUsd = 1_000_000;

    private static readonly CloudOperation Billing = CloudOperation.Of("vast", CloudOperation.Billing);

    public void Map(RouteGroupBuilder v0, RouteGroupBuilder v1)
    {
        v0.MapGet("/charges", Charges).Does(Billing);
        v1.MapGet("/invoices", Invoices).Does(Billing);
        v0.MapGet("/users/me/invoices", OldInvoices).Does(Billing);
        v0.MapPost("/contracts/fetch", (Delegate)FetchContractsAsync).Does(Billing);
        v0.MapGet("/instances/balance/{id:long}", Deposit).Does(Billing);
    }

    private IResult Charges(HttpRequest request)
    {
        var format = request.Query["format"].FirstOrDefault() ?? "table";
        if (format is not ("table" or "tree"))
        {
            return VastProblem.InvalidArguments($"'{format}' is not a valid format; valid are table, tree");
        }

        var query = Parse(request, "day", ["type", "source", "label"], ChargesMax);
        return new JsonAnswer(charges.Read((bills, now) => query.Render(
            from bill in bills
            where bill.Provider == "vast" && query.Accepts(column => Column(bill, column))
            let lines = bill.Lines(query.From, Earlier(query.To, now))
            where lines.Count > 0
            select (Key(bill.From, bill.Id), Charge(bill, lines)))));
    }

    private static string? Column(Bill bill, string name) => name switch
    {
        "type" => bill.Source,
        "source" => SourceOf(bill),
        "label" => bill.Label,
        _ => null,
    };

    private static JsonObject Charge(Bill bill, IReadOnlyList<InvoiceLine> lines) => new()
    {
        ["start"] = Seconds(lines[0].From),
        ["end"] = Seconds(lines.Max(line => line.To)),
        ["type"] = bill.Source,
        ["source"] = SourceOf(bill),
        ["description"] = bill.Source == "instance" ? $"Instance {bill.Id}" : $"Volume {bill.Id}",
        ["amount"] = lines.Sum(line => line.MicroUsd) / 1e6,
        ["metadata"] = new JsonObject { ["label"] = bill.Label, ["template_id"] = null },
        ["items"] = new JsonArray([.. lines.Select(Item)]),
    };

    private static JsonObject Item(InvoiceLine line) => new()
    {
        ["start"] = Seconds(line.From),
        ["end"] = Seconds(line.To),
        ["type"] = BillingEndpoints.KindName(line.Charge.Kind),
        ["source"] = null,
        ["description"] = Describe(line),
        ["amount"] = line.MicroUsd / 1e6,
        ["metadata"] = new JsonObject(),
        ["items"] = new JsonArray(),
    };

    private JsonAnswer Invoices(HttpRequest request)
    {
        var query = Parse(request, "when", ["service", "type"], InvoicesMax);
        lock (book.Gate)
        {
            var paid = clock.Birth;
            var matches = paid >= query.From && paid < query.To && query.Accepts(column => column == "type" ? "credit" : "local");
            return new JsonAnswer(query.Render(matches ? [(Key(paid, "1"), Payment(paid))] : []));
        }
    }

    // The one payment of an account: the credit that it started with.
    private JsonObject Payment(DateTimeOffset paid) => new()
    {
        ["id"] = 1,
        ["start"] = Seconds(paid),
        ["end"] = Seconds(paid),
        ["type"] = "credit",
        ["service"] = "local",
        ["source"] = "local",
        ["description"] = "Starting credit",
        // What was paid in is below zero, as the provider has it; its client turns the sign.
        ["amount"] = -book.Ledger.StartingCreditMicroUsd / 1e6,
        ["metadata"] = new JsonObject { ["invoice_id"] = 1 },
        ["items"] = new JsonArray(),
    };

    private JsonAnswer OldInvoices(HttpRequest request)
    {
        var from = Bound(request, "sdate", 0);
        var to = Bound(request, "edate", 200_000_000_000);
        var withCharges = !string.Equals(request.Query["inc_charges"].FirstOrDefault(), "false", StringComparison.OrdinalIgnoreCase);
        lock (book.Gate)
        {
            var rows = new JsonArray();
            if (clock.Birth >= from && clock.Birth <= to)
            {
                rows.Add(OldRow("payment", "Starting credit", clock.Birth, 1, book.Ledger.StartingCreditMicroUsd, book.Ledger.StartingCreditMicroUsd, null));
            }

            foreach (var row in withCharges ? charges.Read((bills, now) => OldCharges(bills, from, Earlier(to, now))) : [])
            {
                rows.Add(row);
            }

            return new JsonAnswer(new JsonObject
            {
                ["success"] = true,
                ["invoices"] = rows,
                ["current"] = new JsonObject
                {
                    ["charges"] = charges.SpentMicroUsd("vast") / 1e6,
                    ["service_fee"] = 0,
                    ["total"] = charges.SpentMicroUsd("vast") / 1e6,
                    ["credit"] = book.CreditMicroUsd / 1e6,
                },
            });
        }
    }

    private static List<JsonObject> OldCharges(IReadOnlyList<Bill> bills, DateTimeOffset begin, DateTimeOffset end) =>
    [
        .. from bill in bills
           where bill.Provider == "vast"
           from line in bill.Lines(begin, end)
           let units = line.Parts / (line.Charge.Bytes is null ? 3600.0 : 1e9)
           select OldRow("charge", $"{SourceOf(bill)} {Describe(line)}", line.To, units, line.Charge.MicroUsdPerUnit, line.MicroUsd, bill.Id),
    ];

    private static JsonObject OldRow(string type, string description, DateTimeOffset at, double quantity, long rate, long amount, string? id) => new()
    {
        ["type"] = type,
        ["description"] = description,
        ["timestamp"] = Seconds(at),
        ["quantity"] = quantity.ToString("0.000", CultureInfo.InvariantCulture),
        ["rate"] = (rate / 1e6).ToString("0.000000", CultureInfo.InvariantCulture),
        ["amount"] = (amount / 1e6).ToString("0.000000", CultureInfo.InvariantCulture),
        ["instance_id"] = id is null ? null : long.Parse(id, CultureInfo.InvariantCulture),
        ["is_credit"] = type == "payment",
    };

    private async Task<IResult> FetchContractsAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        var label = body.Text("label");
        var ids = (body["contract_ids"] as JsonArray)?.Select(id => id?.ToString()).ToHashSet();
        return new JsonAnswer(new JsonObject
        {
            ["success"] = true,
            ["contracts"] = new JsonArray([.. charges.Read((bills, _) => bills
                .Where(bill => bill.Provider == "vast" && (label is null || bill.Label == label) && (ids is null || ids.Contains(bill.Id)))
                .Select(bill => new JsonObject { ["id"] = long.Parse(bill.Id, CultureInfo.InvariantCulture), ["label"] = bill.Label, ["type"] = bill.Source })
                .ToArray())]),
        });
    }

    // Nothing can be prepaid here, so nothing is.
    private IResult Deposit(long id)
    {
        lock (book.Gate)
        {
            return book.Find(id) is null
                ? VastProblem.NoSuchInstance(id)
                : new JsonAnswer(new JsonObject { ["success"] = true, ["refundable_deposit"] = 0, ["total_discount"] = 0, ["discount_months"] = 0 });
        }
    }

    private static ChargeQuery Parse(HttpRequest request, string timeColumn, IReadOnlyList<string> columns, int limitMax) =>
        ChargeQuery.Parse(request.Query, timeColumn, columns, limitMax);

    private static DateTimeOffset Bound(HttpRequest request, string name, double otherwise)
    {
        var text = request.Query[name].FirstOrDefault();
        var seconds = string.IsNullOrEmpty(text) ? otherwise : JsonValues.AsNumber(text) ?? throw new BadRequestException($"{name} is not a time in seconds");
        return DateTimeOffset.UnixEpoch.AddSeconds(Math.Clamp(double.IsNaN(seconds) ? 0 : seconds, 0, 200_000_000_000));
    }

    private static string Describe(InvoiceLine line)
    {
        var usd = line.Charge.MicroUsdPerUnit / (double)MicroUsdPerUsd;
        return line.Charge.Bytes is null
            ? string.Create(CultureInfo.InvariantCulture, $"{line.Parts / 3600.0:0.000} hours at ${usd}/hour")
            : string.Create(CultureInfo.InvariantCulture, $"{line.Parts / 1e9:0.000} GB at ${usd}/GB");
    }

    private static string SourceOf(Bill bill) => $"{bill.Source}-{bill.Id}";

    private static double Seconds(DateTimeOffset instant) => instant.ToUnixTimeMilliseconds() / 1000.0;

    private static string Key(DateTimeOffset from, string id) => string.Create(CultureInfo.InvariantCulture, $"{from.UtcTicks:D20}-{id}");

    private static DateTimeOffset Earlier(DateTimeOffset left, DateTimeOffset right) => left < right ? left : right;
}
