using System.Globalization;
using Dumont.Providers.Tests.Fakes;
using Dumont.Providers.Vast;
using Microsoft.AspNetCore.Http;

namespace Dumont.Providers.Tests.Vast;

/// <summary>What only a real socket shows.</summary>
public sealed class VastSocketTests
{
    public static TheoryData<string> AllOperations() => [.. Operations.All];

    [Theory]
    [MemberData(nameof(AllOperations))]
    public async Task Operation_NobodyListens_IsTransient(string operation)
    {
        using var bench = new Socket(await FakeServer.ClosedAsync());

        var outcome = await Operations.RunAsync(bench.Provider, operation, "1", "100");

        // The keys come before the rental, so here nothing was rented for sure.
        Assert.Equal(operation == "create" ? ("Rejected", ProviderErrorKind.Transient) : Expected(operation), (outcome.Ending, outcome.Kind!.Value));
        Assert.DoesNotContain(VastBench.Canary, outcome.Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(AllOperations))]
    public async Task Operation_ConnectionBreaksInTheBody_IsTransient(string operation)
    {
        await using var server = await FakeServer.StartAsync(async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("{\"success\":true,");
            await context.Response.Body.FlushAsync();
            context.Abort();
        });
        using var bench = new Socket(server.Url);

        var outcome = await Operations.RunAsync(bench.Provider, operation, "1", "100");

        Assert.Equal(operation == "create" ? ("Rejected", ProviderErrorKind.Transient) : Expected(operation), (outcome.Ending, outcome.Kind!.Value));
    }

    [Fact]
    public async Task Create_ConnectionBreaksAfterTheRental_IsUnknownAndTheTagFindsIt()
    {
        var fake = new VastFake { LoseNextRental = true };
        await using var server = await FakeServer.StartAsync(fake.AnswerAsync);
        using var bench = new Socket(server.Url);

        var result = await bench.Provider.CreateAsync(Operations.Request("1001"), TestContext.Current.CancellationToken);

        Assert.IsType<CreateResult.Unknown>(result);
        Assert.Equal(1, fake.Rentals);
        var listing = Assert.IsType<MachineListing.Complete>(await bench.Provider.ListAsync(TestContext.Current.CancellationToken));
        Assert.Equal("dumont/srv/12/3", Assert.Single(listing.Machines).Tag);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Create_TimesOut_IsUnknownWhetherRentedOrNot(bool rented)
    {
        var fake = new VastFake();
        var arrived = new TaskCompletionSource();
        await using var server = await FakeServer.StartAsync(async context =>
        {
            if (!context.Request.Path.Value!.Contains("/asks/", StringComparison.Ordinal))
            {
                await fake.AnswerAsync(context);
                return;
            }

            if (rented)
            {
                var away = new DefaultHttpContext();
                away.Request.Method = "PUT";
                away.Request.Path = context.Request.Path;
                away.Request.Headers.Authorization = context.Request.Headers.Authorization;
                away.Request.Body = context.Request.Body;
                away.Request.ContentLength = context.Request.ContentLength;
                await fake.AnswerAsync(away);
            }

            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        var time = new ManualTimeProvider();
        using var bench = new Socket(server.Url, time);

        var result = bench.Provider.CreateAsync(Operations.Request("1001"), TestContext.Current.CancellationToken);
        await arrived.Task;
        time.Advance(TimeSpan.FromSeconds(11));

        Assert.IsType<CreateResult.Unknown>(await result);
        Assert.Equal(rented ? 1 : 0, fake.Rentals);
    }

    [Fact]
    public async Task Read_DripsAByteAtATime_EndsAtTheTimeout()
    {
        var dripping = new TaskCompletionSource();
        await using var server = await FakeServer.StartAsync(async context =>
        {
            await context.Response.WriteAsync("{", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            dripping.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        var time = new ManualTimeProvider();
        using var bench = new Socket(server.Url, time);

        var reading = bench.Provider.GetAsync("1", TestContext.Current.CancellationToken);
        await dripping.Task;
        time.Advance(TimeSpan.FromSeconds(11));

        Assert.Equal(ProviderErrorKind.Transient, Assert.IsType<MachineReading.Unknown>(await reading).Kind);
    }

    [Fact]
    public async Task Read_Redirected_IsNotFollowed()
    {
        var asked = new List<string>();
        await using var server = await FakeServer.StartAsync(context =>
        {
            asked.Add(string.Create(CultureInfo.InvariantCulture, $"{context.Request.Path}"));
            context.Response.Redirect("/elsewhere", permanent: true);
            return Task.CompletedTask;
        });
        using var bench = new Socket(server.Url);

        Assert.Equal(ProviderErrorKind.Protocol, Assert.IsType<MachineReading.Unknown>(await bench.Provider.GetAsync("1", TestContext.Current.CancellationToken)).Kind);
        Assert.Equal(["/api/v0/instances/1/"], asked);
    }

    [Fact]
    public async Task Key_Revoked_IsCredentialsAndNeverAbsence()
    {
        await using var server = await FakeServer.StartAsync(new VastFake().AnswerAsync);
        using var http = ProviderHttp.CreateClient(ProviderHttp.CreateHandler());
        using var provider = new VastProvider(
            http, new VastOptions { BaseUrl = server.Url, PaceRequests = false }, new Secret("revoked"), TimeProvider.System, new Random(1));

        foreach (var operation in Operations.All)
        {
            Assert.Equal(ProviderErrorKind.Credentials, (await Operations.RunAsync(provider, operation, "1", "1001")).Kind);
        }
    }

    private static (string, ProviderErrorKind) Expected(string operation) =>
        (operation is "search" or "balance" ? "Threw" : "Unknown", ProviderErrorKind.Transient);

    private sealed class Socket : IDisposable
    {
        private readonly HttpClient _http = ProviderHttp.CreateClient(ProviderHttp.CreateHandler());

        public Socket(Uri url, TimeProvider? time = null)
        {
            var options = new VastOptions { BaseUrl = url, PaceRequests = false };
            Provider = new VastProvider(_http, options, new Secret(VastBench.Canary), time ?? new ManualTimeProvider(TimeSpan.FromSeconds(9)), new Random(1));
        }

        public VastProvider Provider { get; }

        public void Dispose()
        {
            Provider.Dispose();
            _http.Dispose();
        }
    }
}
