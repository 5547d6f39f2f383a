using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Gcp;

/// <summary>Every operation meets every fault.</summary>
public sealed class GcpFaultTests
{
    private static readonly Fault[] Table =
    [
        .. Faults.Common,
        Faults.Body("400", 400, GcpBench.Error(400, "invalid", "bad"), ProviderErrorKind.Invalid, refused: true),
        Faults.Body("401", 401, GcpBench.Error(401, "authError", "Invalid Credentials"), ProviderErrorKind.Credentials, refused: true),
        Faults.Body("403 forbidden", 403, GcpBench.Error(403, "forbidden", "Required permission"), ProviderErrorKind.Credentials, refused: true),
        Faults.Body("403 rate", 403, GcpBench.Error(403, "rateLimitExceeded", "slow down"), ProviderErrorKind.RateLimited, refused: true),
        Faults.Body("403 quota", 403, GcpBench.Error(403, "quotaExceeded", "CPUS"), ProviderErrorKind.Invalid, refused: true),
        Faults.Body("403 billing", 403, GcpBench.Error(403, "accessNotConfigured", "This API method requires billing to be enabled"), ProviderErrorKind.InsufficientCredit, refused: true),
        Faults.Body("429", 429, GcpBench.Error(429, "rateLimitExceeded", "slow down"), ProviderErrorKind.RateLimited, refused: true),
        Faults.Body("412", 412, GcpBench.Error(412, "conditionNotMet", "x"), ProviderErrorKind.Invalid, refused: true),
        Faults.Body("400 tells the token", 400, GcpBench.Error(400, "invalid", $"token {GcpBench.Canary}"), ProviderErrorKind.Invalid, refused: true),
        Faults.Body("200 empty object", 200, "{}", ProviderErrorKind.Protocol),
        Faults.Body("200 with error", 200, GcpBench.Error(503, "backendError", "x"), ProviderErrorKind.Protocol),
    ];

    public static TheoryData<string, string> Cells()
    {
        var cells = new TheoryData<string, string>();
        foreach (var operation in Operations.All.Except(["balance"]))
        {
            foreach (var fault in Table)
            {
                cells.Add(operation, fault.Name);
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Operation_Fault_EndsAsDocumented(string operation, string faultName)
    {
        var fault = Table.Single(one => one.Name == faultName);
        using var bench = new GcpBench((_, cancel) => fault.Answer(cancel));

        var outcome = await Operations.RunAsync(bench.Provider, operation, "us-west4-a/dumont-srv-12-3", "us-west4-a/e2-medium/spot");

        Assert.Equal(Operations.Expected(operation, fault), (outcome.Ending, outcome.Kind));
        Assert.DoesNotContain(GcpBench.Canary, outcome.Text, StringComparison.Ordinal);
        Assert.All(bench.Sent, request =>
        {
            Assert.Equal($"Bearer {GcpBench.Canary}", request.Authorization);
            Assert.DoesNotContain(GcpBench.Canary, request.Uri.ToString(), StringComparison.Ordinal);
        });
        var repeats = operation is "search" or "get" or "list" || fault.Name == "401";
        Assert.InRange(bench.Sent.Count, 1, repeats ? 3 : 1);
    }

    [Theory]
    [InlineData(400, "{\"error\":\"invalid_grant\"}", ProviderErrorKind.Credentials)]
    [InlineData(401, "{}", ProviderErrorKind.Credentials)]
    [InlineData(429, "", ProviderErrorKind.RateLimited)]
    [InlineData(500, "", ProviderErrorKind.Transient)]
    [InlineData(200, "{}", ProviderErrorKind.Protocol)]
    [InlineData(200, "<html>", ProviderErrorKind.Protocol)]
    public async Task Token_Refused_NothingIsAskedOfCompute(int status, string body, ProviderErrorKind kind)
    {
        using var bench = new GcpBench(_ => throw new InvalidOperationException(), token: _ => ScriptedHandler.Text(body, status, "application/json"));

        var rejected = Assert.IsType<CreateResult.Rejected>(
            await bench.Provider.CreateAsync(Operations.Request("us-west4-a/e2-medium/spot"), TestContext.Current.CancellationToken));

        Assert.Equal(kind, rejected.Kind);
        Assert.Empty(bench.Sent);
    }

    [Fact]
    public async Task Get_OfAMissingProjectOrZone_IsNoProofOfAbsence()
    {
        foreach (var message in new[] { "The resource 'projects/proj-1' was not found", "The resource 'projects/proj-1/zones/us-west4-a' was not found",
            "The resource 'projects/proj-1/zones/us-west4-a/instances/dumont-srv-12-30' was not found" })
        {
            using var bench = new GcpBench(_ => ScriptedHandler.Json(GcpBench.Error(404, "notFound", message), 404));

            Assert.IsType<MachineReading.Unknown>(await bench.Provider.GetAsync("us-west4-a/dumont-srv-12-3", TestContext.Current.CancellationToken));
            Assert.IsNotType<EffectResult.NotFound>(await bench.Provider.DestroyAsync("us-west4-a/dumont-srv-12-3", TestContext.Current.CancellationToken));
        }
    }
}
