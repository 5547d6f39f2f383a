using System.Globalization;
using System.Net;
using Dumont.Server.Auth;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Tests.Auth;

public sealed class LoginThrottleTests
{
    private static readonly IPAddress Home = IPAddress.Parse("192.0.2.1");

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void TryBegin_TenThousandGuesses_LetsTenThroughAMinute()
    {
        var throttle = New();
        var seen = 0;
        for (var i = 0; i < 10_000; i++)
        {
            if (throttle.TryBegin("ana", Home) is null)
            {
                seen++;
                throttle.End("ana", Home, succeeded: false);
            }
        }

        Assert.Equal(10, seen);
    }

    [Fact]
    public void TryBegin_GuessesAtTheSameTime_AreBoundedToo()
    {
        var throttle = New();
        Assert.Equal(30, Enumerable.Range(0, 1000).Count(_ => throttle.TryBegin("ana", Home) is null));
    }

    [Fact]
    public void TryBegin_AccountUnderAttack_IsOpenFromAnotherAddress()
    {
        var throttle = New();
        Fail(throttle, "ana", Home, 10);

        Assert.NotNull(throttle.TryBegin("ana", Home));
        Assert.Null(throttle.TryBegin("ana", IPAddress.Parse("192.0.2.2")));
    }

    [Fact]
    public void TryBegin_ManyAccountsFromOneAddress_IsBoundedByAddress()
    {
        var throttle = New();
        for (var i = 0; i < 100; i++)
        {
            Fail(throttle, $"user{i}", Home, 1);
        }

        Assert.NotNull(throttle.TryBegin("somebody", Home));
    }

    [Fact]
    public void TryBegin_Ipv6_CountsTheNetwork()
    {
        var throttle = New();
        for (var i = 1; i <= 10; i++)
        {
            Fail(throttle, "ana", IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"2001:db8:1:2::{i}")), 1);
        }

        Assert.NotNull(throttle.TryBegin("ana", IPAddress.Parse("2001:db8:1:2::ffff")));
        Assert.Null(throttle.TryBegin("ana", IPAddress.Parse("2001:db8:1:3::1")));
    }

    [Fact]
    public void TryBegin_MinuteOver_IsOpenAgain()
    {
        var throttle = New();
        Fail(throttle, "ana", Home, 10);
        Assert.Equal(TimeSpan.FromMinutes(1), throttle.TryBegin("ana", Home));
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Null(throttle.TryBegin("ana", Home));
    }

    [Fact]
    public void TryBegin_ManyAddresses_KeepsMemoryBounded()
    {
        var throttle = New();
        for (var i = 0; i < 50_000; i++)
        {
            Fail(throttle, "ana", new IPAddress([10, (byte)(i >> 16), (byte)(i >> 8), (byte)i]), 1);
        }

        Assert.InRange(throttle.Count, 1, LoginThrottle.EntriesMax);
    }

    private static void Fail(LoginThrottle throttle, string account, IPAddress address, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.Null(throttle.TryBegin(account, address));
            throttle.End(account, address, succeeded: false);
        }
    }

    private LoginThrottle New() => new(Options.Create(new AuthOptions()), _time);
}
