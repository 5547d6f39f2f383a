using Dumont.Providers.Tests.Fakes;

namespace Dumont.Providers.Tests.Vast;

/// <summary>Every operation meets every fault: it ends in the documented result, asks no oftener than it may and never tells the key.</summary>
public sealed class VastFaultTests
{
    private static readonly Fault[] Table =
    [
        .. Faults.Common,
        Faults.Body("429 text", 429, "API requests too frequent: endpoint threshold=4.5", ProviderErrorKind.RateLimited, refused: true),
        Faults.Body("429 detail", 429, """{"detail":"API requests too frequent endpoint threshold=1.0"}""", ProviderErrorKind.RateLimited, refused: true),
        Faults.Body("400", 400, """{"success":false,"error":"invalid_args","msg":"bad"}""", ProviderErrorKind.Invalid, refused: true),
        Faults.Body("401", 401, """{"success":false,"error":"auth_error","msg":"no"}""", ProviderErrorKind.Credentials, refused: true),
        Faults.Body("403 no login", 403, """{"success":false,"error":"auth_error","msg":"This action requires login."}""", ProviderErrorKind.Credentials, refused: true),
        Faults.Body("403 scope", 403, """{"success":false,"msg":"scope lost"}""", ProviderErrorKind.Credentials, refused: true),
        Faults.Body("403 foreign machine", 403, """{"success":false,"error":"invalid_args","msg":"Offer 7 is not your own"}""", ProviderErrorKind.Invalid, refused: true),
        Faults.Body("404 invalid user key", 404, """{"success":false,"error":"auth_error","msg":"Invalid user key"}""", ProviderErrorKind.Credentials, refused: true),
        Faults.Body("402 credit", 400, """{"error":"insufficient_credit","message":"You are out of credit"}""", ProviderErrorKind.InsufficientCredit, refused: true),
        Faults.Body("411 credit", 411, """{"msg":"Insufficient credit"}""", ProviderErrorKind.InsufficientCredit, refused: true),
        Faults.Body("200 success false", 200, """{"success":false,"msg":"something went wrong"}""", ProviderErrorKind.Protocol),
        Faults.Body("400 tells the key", 400, $$"""{"error":"invalid_request","msg":"Bearer {{VastBench.Canary}} rejected\r\nX: y"}""", ProviderErrorKind.Invalid, refused: true),
    ];

    public static TheoryData<string, string> Cells()
    {
        var cells = new TheoryData<string, string>();
        foreach (var operation in Operations.All)
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
        using var bench = new VastBench((request, cancel) =>
            VastBench.IsKeys(request) ? Task.FromResult(VastBench.Keys(request)) : fault.Answer(cancel));

        var outcome = await Operations.RunAsync(bench.Provider, operation, "123", "100");

        Assert.Equal(Operations.Expected(operation, fault), (outcome.Ending, outcome.Kind));
        Assert.DoesNotContain(VastBench.Canary, outcome.Text, StringComparison.Ordinal);
        bench.AssertKeyOnlyInHeader();
        var asked = bench.Network.Sent.Count(request => !VastBench.IsKeys(request));
        var isRead = operation is "search" or "balance" or "get" or "list";
        Assert.InRange(asked, 1, isRead ? 3 : 1);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(500)]
    [InlineData(200)]
    public async Task Create_ErrorWithContract_LeftAMachine(int status)
    {
        using var bench = VastBench.Answering("""{"success":false,"error":"bid_too_low","msg":"paused","new_contract":777}""", status);

        var result = await bench.Provider.CreateAsync(Operations.Request(), TestContext.Current.CancellationToken);

        Assert.Equal("777", Assert.IsType<CreateResult.LeftMachine>(result).ProviderMachineId);
    }

    [Theory]
    [InlineData(404, """{"success":false,"error":"invalid_args","msg":"error 404/3603: no_such_ask Instance type by id 7 is not available.","ask_id":7}""")]
    [InlineData(410, """{"error":"no_such_ask","msg":"error 410/3907: no_such_ask Instance type 7 is no longer available."}""")]
    [InlineData(400, """{"success":false,"error":"no_such_ask","msg":"gone"}""")]
    [InlineData(200, """{"success":false,"error":"no_such_ask","msg":"gone"}""")]
    public async Task Create_NoSuchAsk_OfferIsGone(int status, string body)
    {
        using var bench = VastBench.Answering(body, status);

        Assert.IsType<CreateResult.OfferGone>(await bench.Provider.CreateAsync(Operations.Request(), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(400, """{"success":false,"error":"insufficient_credit","msg":"x"}""")]
    [InlineData(402, """{"detail":"Insufficient credit"}""")]
    [InlineData(200, """{"success":false,"msg":"error insufficient_credit"}""")]
    public async Task Create_NoCredit_InWhateverShape_IsInsufficientCredit(int status, string body)
    {
        using var bench = VastBench.Answering(body, status);

        Assert.IsType<CreateResult.InsufficientCredit>(await bench.Provider.CreateAsync(Operations.Request(), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("""{"success":true}""")]
    [InlineData("""{"success":true,"new_contract":null}""")]
    [InlineData("""{"success":true,"new_contract":"soon"}""")]
    public async Task Create_SuccessWithoutContract_IsUnknown(string body)
    {
        using var bench = VastBench.Answering(body);

        Assert.IsType<CreateResult.Unknown>(await bench.Provider.CreateAsync(Operations.Request(), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Create_SpendLimit_IsRejectedForTheUserToAct()
    {
        using var bench = VastBench.Answering("""{"success":false,"error":"spend_rate_limit","msg":"x"}""", 400);

        var rejected = Assert.IsType<CreateResult.Rejected>(await bench.Provider.CreateAsync(Operations.Request(), TestContext.Current.CancellationToken));
        Assert.Equal(ProviderErrorKind.InsufficientCredit, rejected.Kind);
    }

    [Fact]
    public async Task Read_TimesOut_IsUnknownAfterTheTimeoutAndNotRepeated()
    {
        var arrived = new TaskCompletionSource();
        using var bench = new VastBench(async (_, cancel) =>
        {
            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancel);
            return ScriptedHandler.Json("{}");
        });

        var reading = bench.Provider.GetAsync("1", TestContext.Current.CancellationToken);
        await arrived.Task;
        bench.Time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(reading.IsCompleted);
        bench.Time.Advance(TimeSpan.FromSeconds(0.2));

        Assert.Equal(ProviderErrorKind.Transient, Assert.IsType<MachineReading.Unknown>(await reading).Kind);
        Assert.Single(bench.Network.Sent);
    }

    [Fact]
    public async Task Caller_Cancels_IsCancelledNotUnknown()
    {
        using var giveUp = new CancellationTokenSource();
        using var bench = new VastBench(async (_, cancel) =>
        {
            await giveUp.CancelAsync();
            cancel.ThrowIfCancellationRequested();
            return ScriptedHandler.Json("{}");
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bench.Provider.DestroyAsync("1", giveUp.Token));
    }

    [Fact]
    public async Task Read_StumblesOnce_IsRepeatedAndAnswers()
    {
        var calls = 0;
        using var bench = new VastBench(_ => calls++ == 0
            ? ScriptedHandler.Text("API requests too frequent", 429)
            : ScriptedHandler.Json("""{"credit":12.5,"balance":0,"email":"a@b.c"}"""));

        var balance = await bench.Provider.GetBalanceAsync(TestContext.Current.CancellationToken);

        Assert.Equal(new AccountBalance(12.5m, 0, "a@b.c"), balance);
        Assert.InRange(Assert.Single(bench.Time.Jumps, jump => jump != TimeSpan.Zero), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1.5));
    }

    [Fact]
    public async Task Provider_DownForLong_IsSoonAskedOnceOnlyPerRead()
    {
        using var bench = new VastBench(_ => ScriptedHandler.Text("down", 503));
        for (var i = 0; i < 100; i++)
        {
            await bench.Provider.GetAsync("1", TestContext.Current.CancellationToken);
        }

        Assert.InRange(bench.Network.Sent.Count, 100, 125);
    }
}
