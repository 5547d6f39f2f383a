using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.S3;
using Microsoft.Extensions.Logging;

namespace Dumont.Snapshots.Tests.Stores;

/// <summary>The local cloud's S3 in this process, with one bucket, for one test.</summary>
internal sealed class LocalS3 : IAsyncDisposable
{
    public const string Bucket = "repository";

    private readonly TempFolder _folder;
    private readonly S3Server _server;
    private readonly S3Account _account;

    private LocalS3(TempFolder folder, S3Server server, S3Account account, FaultBook faults) => (_folder, _server, _account, Faults) = (folder, server, account, faults);

    public FaultBook Faults { get; }

    public Uri Endpoint => _server.Endpoint;

    public S3Credentials Credentials => new(_account.AccessKeyId, _account.SecretAccessKey);

    /// <summary>Options for its bucket: pauses are none, patience is short.</summary>
    public S3StoreOptions Options => new()
    {
        Endpoint = Endpoint,
        Bucket = Bucket,
        Prefix = "some/where",
        Credentials = Credentials,
        PartBytes = 5 << 20,
        RetryPause = TimeSpan.FromMilliseconds(1),
        Time = new HastyTime(),
    };

    public static async Task<LocalS3> StartAsync()
    {
        var folder = new TempFolder();
        folder.Folder($"s3/{Bucket}");
        var account = S3Account.Create();
        var faults = new FaultBook(1, TimeProvider.System);
        var server = await S3Server.StartAsync(0, folder.File("s3"), account, faults, TimeProvider.System, LogLevel.Warning, TestContext.Current.CancellationToken);
        return new LocalS3(folder, server, account, faults);
    }

    public void Arm(string kind, string operation, int count = 1, double status = 500, double delay = 120) => Faults.Add(id => new Fault
    {
        Id = id,
        Kind = FaultKind.Find(kind)!,
        Operation = operation,
        Provider = "s3",
        Count = count,
        Numbers = new Dictionary<string, double> { ["status"] = status, ["delay_seconds"] = delay, ["bytes_per_second"] = 1 },
    });

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>A clock on which every pause is over at once.</summary>
    private sealed class HastyTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
    }
}
